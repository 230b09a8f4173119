"""Views: augmented images as pure functions of an image and a number."""
