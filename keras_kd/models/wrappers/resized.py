"""A teacher with an input size of its own: the images are resized inside it."""

from keras_kd.models.zoo.pixels import image_input
from keras_kd.utils.lazy import keras, ops


def resized(model, image_shape, *, name=None):
    """A network on images of another size, which are resized to its own before it sees them.

    Args:
        model: a built `keras.Model` on images of a fixed size, pixels 0..255.
        image_shape: (height, width, channels) of the images that will come.
        name: of the new model; the old one's by default.

    Returns:
        A `keras.Model`; the model itself where the size is its own. The resizing is bilinear, with antialiasing where
        images become smaller. Layers of the model inside are tapped by path: "<model>/<layer>".

    Example:
        >>> from keras_kd.models import build
        >>> resized(build("resnet8", (32, 32, 3), 10), (8, 8, 3)).input_shape
        (None, 8, 8, 3)
    """
    size, image_shape = tuple(model.input_shape[1:3]), tuple(image_shape)
    if size == image_shape[:2]:
        return model
    image = image_input(image_shape)
    larger = ops.image.resize(image, size, interpolation="bilinear", antialias=True, data_format="channels_last")
    return keras.Model(image, model(larger), name=name or f"{model.name}_resized")
