"""A Keras network around what is none: it is banked, averaged, mapped and calibrated as any other."""

import keras

from keras_kd.backend.keras_private import flat_layers
from keras_kd.models.foreign.answering import AnswerError


class Asked(keras.layers.Layer):
    """Hands a batch of images to an `Answering` and gives what it answers; outside of compiled code alone.

    Args:
        answering: an `Answering`.
        classes: how many numbers a row has.
    """

    runs_on_host = True  # see `keras_kd.backend.host`

    def __init__(self, answering, classes, name=None):
        super().__init__(trainable=False, dtype="float32", name=name)
        self.answering, self.classes = answering, classes
        self.built = True

    def call(self, images):
        try:
            given = keras.ops.convert_to_numpy(images)
        except Exception as error:  # of each backend's own kind, where the images are not there yet
            raise AnswerError(only_banked(self.answering.name)) from error
        return keras.ops.convert_to_tensor(self.answering(given), "float32")

    def compute_output_spec(self, images):
        return keras.KerasTensor((images.shape[0], self.classes), "float32")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classes)

    def get_config(self):
        # By this a bank knows it.
        return {**super().get_config(), "answers": self.answering.digest, "classes": self.classes}


def only_banked(name):
    """Why a foreign teacher cannot run in a step."""
    return (
        f"{name}: is no Keras network, so it is asked through a bank and cannot run in a training step; let a recipe "
        "train (keras_kd.distill), or give Epochs a keras_kd.Bank of it and the Distiller banked=True"
    )


def model_of(answering, image_shape, classes):
    """An `Answering` as a functional `keras.Model` from the images that it takes to its answers.

    Args:
        answering: an `Answering`.
        image_shape: of the images that it will be shown: what it leaves open.
        classes: of the data: where it does not say how many it has.

    Example:
        >>> from keras_kd.models.foreign.answering import Answering
        >>> model_of(Answering("mine", "0" * 64), (8, 8, 1), 10).output_shape
        (None, 10)
    """
    takes = answering.image_shape
    sizes = [other if one is None else one for one, other in zip(takes, image_shape, strict=True)]
    if answering.classes is None:
        answering.classes = classes
    image = keras.Input(tuple(sizes), name="image")
    name = answering.short_name
    return keras.Model(image, Asked(answering, answering.classes, name=f"{name}_answers")(image), name=name)


def answering_in(network):
    """The `Answering`s of a network, those of its members too; empty for one that is Keras's alone.

    Args:
        network: a `keras.Model`.

    Example:
        >>> answering_in(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
        []
    """
    return [layer.answering for layer in flat_layers(network) if isinstance(layer, Asked)]
