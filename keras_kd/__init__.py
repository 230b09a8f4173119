"""keras_kd: compress Keras models by knowledge distillation."""

__version__ = "0.1.0"
