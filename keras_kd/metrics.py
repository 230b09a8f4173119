"""`keras_kd.evaluation.metrics` under the name that it had in version 0.1; kept for one release."""

import warnings

from keras_kd.evaluation.metrics import *  # noqa: F403
from keras_kd.evaluation.metrics import __all__  # noqa: F401

warnings.warn("keras_kd.metrics is now keras_kd.evaluation.metrics; import from there", FutureWarning, stacklevel=2)
