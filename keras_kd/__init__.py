"""keras_kd: compress Keras models by knowledge distillation.

Example:
    >>> import keras_kd
    >>> keras_kd.KD(temperature=4.0).default_weight
    0.9
"""

import importlib
import os
import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path[:1] == [os.path.abspath("")]:
    # `python -m keras_kd.cli` puts the current folder before all others: what lies there must stand in for nothing.
    sys.path.append(sys.path.pop(0))

__version__ = "0.1.0"

_METHODS = (
    "AT",
    "BSS",
    "CC",
    "CRD",
    "CTKD",
    "DIST",
    "DKD",
    "DML",
    "FSP",
    "FitNet",
    "HardLabels",
    "JensenShannon",
    "KD",
    "LabelSmoothing",
    "MSELogits",
    "NST",
    "ONE",
    "PKT",
    "RKD",
    "RLD",
    "ReverseKL",
    "ReviewKD",
    "SP",
    "SimKD",
    "TTM",
    "VID",
    "WTTM",
)
_HOMES = {
    "Bank": "keras_kd.bank.bank",
    "ByEpoch": "keras_kd.training.schedules",
    "Distiller": "keras_kd.training.distiller",
    "Epochs": "keras_kd.data.epochs",
    "ViewRenderer": "keras_kd.data.views.rendering",
    "Term": "keras_kd.training.distiller",
    **dict.fromkeys(_METHODS, "keras_kd.methods"),
    "METHODS": "keras_kd.methods",
    "Method": "keras_kd.methods",
    "MODELS": "keras_kd.models",
    "DATASETS": "keras_kd.data",
    "VIEWS": "keras_kd.data.views.crop_flip",
    "SGD": "keras_kd.training.sgd",
    "UserError": "keras_kd.utils.errors",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'keras_kd' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted([*globals(), *_HOMES])
