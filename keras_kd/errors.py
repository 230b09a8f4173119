"""`keras_kd.utils.errors` under the name that it had in version 0.1; kept for one release."""

from keras_kd.utils.moved import moved

moved(__name__, "keras_kd.utils.errors")
