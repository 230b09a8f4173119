"""An array kept as a layer's weight."""

import keras


class ConstantLayer(keras.layers.Layer):
    """One array as the weight of a layer, so that it is saved, resumed and, if wished, trained with the rest.

    Args:
        value: an array, any shape.
        trainable: whether training changes it.
        name: of the layer.

    Example:
        >>> float(ConstantLayer(1.5, trainable=True).value)
        1.5
    """

    def __init__(self, value, trainable=False, name=None):
        super().__init__(name=name, dtype="float32", autocast=False)
        value = keras.ops.convert_to_numpy(value).astype("float32")
        self.value = self.add_weight(
            shape=value.shape, initializer=keras.initializers.Zeros(), trainable=trainable, name="value"
        )
        self.value.assign(value)
        self.built = True
