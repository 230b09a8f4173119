"""keras_kd: compress Keras models by knowledge distillation.

Example:
    >>> import keras_kd
    >>> keras_kd.KD(temperature=4.0).default_weight
    0.9
"""

import importlib
import os
import sys
import types
from typing import TYPE_CHECKING

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path[:1] == [os.path.abspath("")]:
    # `python -m keras_kd.cli` puts the current folder before all others: what lies there must stand in for nothing.
    sys.path.append(sys.path.pop(0))

__version__ = "0.1.0"

__all__ = [
    "AT",
    "AdaMargin",
    "BSS",
    "Bank",
    "CC",
    "CRD",
    "CTKD",
    "Cooperation",
    "Criterion",
    "CrossFittedBank",
    "DATASETS",
    "DIS",
    "DIST",
    "DKD",
    "DML",
    "Distiller",
    "DoubleDistillation",
    "Epochs",
    "FCFD",
    "FSP",
    "FitNet",
    "HardLabels",
    "JensenShannon",
    "KCD",
    "KD",
    "LabelSmoothing",
    "METHODS",
    "MGD",
    "MODELS",
    "MSELogits",
    "Member",
    "Meta",
    "MetaDistiller",
    "Method",
    "NST",
    "ONE",
    "PKT",
    "RKD",
    "RLD",
    "Report",
    "ReverseKL",
    "ReviewKD",
    "Rounds",
    "SGD",
    "SP",
    "SampledDistiller",
    "Schedule",
    "SelectingDistiller",
    "Selection",
    "SimKD",
    "Subclass",
    "SubclassTeacher",
    "TTM",
    "Term",
    "UserError",
    "VID",
    "VIEWS",
    "ViewRenderer",
    "WTTM",
    "compare",
    "compress",
    "cooperate",
    "distill",
    "evaluate",
    "export",
    "load_recipe",
    "prune",
    "re_estimate_batch_norm",
    "search",
    "study",
]

# For type checkers and editors, which do not see what _HOMES brings when it is asked for.
if TYPE_CHECKING:
    from keras_kd.bank.bank import Bank
    from keras_kd.bank.cross_fitted import CrossFittedBank
    from keras_kd.data import DATASETS
    from keras_kd.data.epochs import Epochs
    from keras_kd.data.rounds import Rounds
    from keras_kd.data.views.crop_flip import VIEWS
    from keras_kd.data.views.rendering import ViewRenderer
    from keras_kd.methods import (
        AT,
        BSS,
        CC,
        CRD,
        CTKD,
        DIS,
        DIST,
        DKD,
        DML,
        FCFD,
        FSP,
        KCD,
        KD,
        METHODS,
        MGD,
        NST,
        ONE,
        PKT,
        RKD,
        RLD,
        SP,
        TTM,
        VID,
        WTTM,
        AdaMargin,
        DoubleDistillation,
        FitNet,
        HardLabels,
        JensenShannon,
        LabelSmoothing,
        Method,
        MSELogits,
        ReverseKL,
        ReviewKD,
        SimKD,
        Subclass,
        SubclassTeacher,
    )
    from keras_kd.models import MODELS
    from keras_kd.models.pruning.criteria import Criterion
    from keras_kd.models.start import re_estimate_batch_norm
    from keras_kd.report.report import Report
    from keras_kd.training.cooperate import cooperate
    from keras_kd.training.cooperation_settings import Cooperation
    from keras_kd.training.distiller import Distiller, Term
    from keras_kd.training.member import Member
    from keras_kd.training.meta_distiller import Meta, MetaDistiller
    from keras_kd.training.sampled_distiller import SampledDistiller
    from keras_kd.training.schedules import Schedule
    from keras_kd.training.selecting_distiller import SelectingDistiller
    from keras_kd.training.selection import Selection
    from keras_kd.training.sgd import SGD
    from keras_kd.utils.errors import UserError
    from keras_kd.workflows.commands import compare, distill, evaluate, export, load_recipe, search, study
    from keras_kd.workflows.compress.compress import compress
    from keras_kd.workflows.prune import prune

_NAMES = {
    "keras_kd.bank.bank": "Bank",
    "keras_kd.bank.cross_fitted": "CrossFittedBank",
    "keras_kd.data": "DATASETS",
    "keras_kd.data.epochs": "Epochs",
    "keras_kd.data.rounds": "Rounds",
    "keras_kd.data.views.crop_flip": "VIEWS",
    "keras_kd.data.views.rendering": "ViewRenderer",
    "keras_kd.methods": "AT AdaMargin BSS CC CRD CTKD DIS DIST DKD DML DoubleDistillation FCFD FSP FitNet HardLabels "
    "JensenShannon KCD KD LabelSmoothing METHODS MGD MSELogits Method NST ONE PKT RKD RLD ReverseKL ReviewKD SP "
    "SimKD Subclass SubclassTeacher TTM VID WTTM",
    "keras_kd.models": "MODELS",
    "keras_kd.models.pruning.criteria": "Criterion",
    "keras_kd.models.start": "re_estimate_batch_norm",
    "keras_kd.report.report": "Report",
    "keras_kd.training.cooperate": "cooperate",
    "keras_kd.training.cooperation_settings": "Cooperation",
    "keras_kd.training.distiller": "Distiller Term",
    "keras_kd.training.member": "Member",
    "keras_kd.training.meta_distiller": "Meta MetaDistiller",
    "keras_kd.training.sampled_distiller": "SampledDistiller",
    "keras_kd.training.schedules": "Schedule",
    "keras_kd.training.selecting_distiller": "SelectingDistiller",
    "keras_kd.training.selection": "Selection",
    "keras_kd.training.sgd": "SGD",
    "keras_kd.utils.errors": "UserError",
    "keras_kd.workflows.compress.compress": "compress",
    "keras_kd.workflows.prune": "prune",
    "keras_kd.workflows.commands": "compare distill evaluate load_recipe search study",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}


class _Export(types.ModuleType):
    """The room `keras_kd.export`, which is also called as the function of that name."""

    def __call__(self, run, formats=(), **options):
        from keras_kd.workflows.commands import export

        return export(run, formats, **options)


class _Face(types.ModuleType):
    """The package: a room and a command are called export, and Python binds the room to that name once it is imported.

    So the room can be called, and is both, in whichever order and by whichever kind of import they are asked for. A
    function kept in the room's place would break `import keras_kd.export.latency as latency`.
    """

    def __setattr__(self, name, value):
        if name == "export" and isinstance(value, types.ModuleType):
            value.__class__ = _Export
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face

# A type checker takes what a module's __getattr__ may give for anything at all.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name == "export":
            return importlib.import_module("keras_kd.export")
        if name == "ByEpoch":
            from keras_kd.utils.moved import renamed

            renamed("keras_kd.ByEpoch", "keras_kd.Schedule")
            name = "Schedule"
        if name not in _HOMES:
            raise AttributeError(f"module 'keras_kd' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
