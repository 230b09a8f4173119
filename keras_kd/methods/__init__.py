"""The distillation methods: one file each, and the table of them."""

from keras_kd.methods.base import Method
from keras_kd.methods.kd import KD

METHODS = {"kd": KD}

__all__ = ["KD", "METHODS", "Method"]
