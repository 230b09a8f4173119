"""Two small networks for scikit-learn's 8x8 digits: a teacher and a student that train in seconds on a CPU."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def digits_cnn(image_shape, classes, *, channels, convolutions, width_multiplier=1.0, mean=None, std=None, name=None):
    """Two stages of 3x3 convolutions with batch normalisation, a pooling between them, and a linear classifier.

    Args:
        image_shape: (height, width, channels), at least 8x8.
        classes: number of classes.
        channels: of the two stages.
        convolutions: a stage.
        width_multiplier: multiplies all of `channels`.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps: "stage1", "stage2" (each after its last ReLU),
        "pooled" and "logits".

    Raises:
        UserError: the images are smaller than 8x8, or the multiplier is no number above 0.

    Example:
        >>> model = digits_cnn((8, 8, 1), 10, channels=(8, 16), convolutions=1)
        >>> model.get_layer("stage2").output.shape
        (None, 4, 4, 16)
    """
    if min(image_shape[:2]) < 8:
        raise UserError(f"{name}: found images of {tuple(image_shape)}; expected at least 8x8")
    image = image_input(image_shape)
    x = normalize(image, mean, std)
    for stage, filters in enumerate(scaled(channels, width_multiplier), 1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        for convolution in range(1, convolutions + 1):
            prefix = f"stage{stage}_{convolution}"
            x = keras.layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{prefix}_conv"
            )(x)
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"{prefix}_bn")(x)
            x = keras.layers.ReLU(name=f"stage{stage}" if convolution == convolutions else prefix)(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, keras.layers.Dense(classes, dtype="float32", name="logits")(x), name=name)
