"""The networks that a recipe can name, a family a file."""
