"""`keras_kd.export.int8_simulation` under the name that it had in version 0.1; kept for one release."""

import warnings

from keras_kd.export.int8_simulation import Simulation

__all__ = ["Simulation"]
warnings.warn(
    "keras_kd.int8_simulation is now keras_kd.export.int8_simulation; import from there", FutureWarning, stacklevel=2
)
