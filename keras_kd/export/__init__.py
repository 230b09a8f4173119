"""What is deployed: SavedModel, LiteRT and ONNX files, each behind a comparison with the student.

Here stands what is cheap to import; `keras_kd.export.export.export` exports, `keras_kd.export.latency.measure` times.
"""

from keras_kd.export.formats import CALIBRATED, DEFAULTS, FILES, FORMATS, INPUTS, OUTPUTS, missing_here, spanning
from keras_kd.export.gates import GATES

__all__ = [
    "CALIBRATED",
    "DEFAULTS",
    "FILES",
    "FORMATS",
    "GATES",
    "INPUTS",
    "OUTPUTS",
    "missing_here",
    "spanning",
]
