"""`keras_kd.training.laws` under the name that it had in version 0.1; kept for one release."""

import warnings

from keras_kd.training.laws import LawBroken, check_laws

__all__ = ["LawBroken", "check_laws"]
warnings.warn("keras_kd.laws is now keras_kd.training.laws; import from there", FutureWarning, stacklevel=2)
