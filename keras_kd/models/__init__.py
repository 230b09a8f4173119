"""The networks a recipe can name: the zoo, `keras.applications`, a `.keras` file, or a function of the user.

Every network that `build` returns takes float32 pixel values 0..255 of shape (batch, height, width, channels) and
normalises them inside. So no caller can feed it wrongly, and the exported student takes pixels.
"""

from keras_kd.models.by_name import build, check_unbuilt, foreign_kind_of, kind, know_module_of
from keras_kd.models.zoo import MODELS, ModelEntry
from keras_kd.models.zoo.applications import APPLICATIONS

__all__ = [
    "APPLICATIONS",
    "MODELS",
    "ModelEntry",
    "build",
    "check_unbuilt",
    "foreign_kind_of",
    "kind",
    "know_module_of",
]
