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
    "ABKD",
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
    "EAKD",
    "Epochs",
    "FCFD",
    "FSP",
    "FitNet",
    "GKD",
    "HardLabels",
    "JensenShannon",
    "KCD",
    "KD",
    "LabelSmoothing",
    "METHODS",
    "MGD",
    "MKL",
    "MODELS",
    "MSELogits",
    "Member",
    "Meta",
    "MetaDistiller",
    "Method",
    "NKD",
    "NST",
    "NormKD",
    "ONE",
    "PKT",
    "RKD",
    "RLD",
    "Report",
    "ReverseKL",
    "ReviewKD",
    "Rounds",
    "Run",
    "SGD",
    "SP",
    "SampledDistiller",
    "Schedule",
    "SelectingDistiller",
    "Selection",
    "SimKD",
    "SkewKL",
    "SmoothedCrossEntropy",
    "Subclass",
    "SubclassTeacher",
    "TTM",
    "Term",
    "UserError",
    "VID",
    "VIEWS",
    "ViewRenderer",
    "WTTM",
    "bank_build",
    "bank_info",
    "bank_prune",
    "bank_verify",
    "bench",
    "cite",
    "compare",
    "compress",
    "cooperate",
    "distill",
    "doctor",
    "evaluate",
    "export",
    "import_published",
    "load_recipe",
    "new",
    "prune",
    "re_estimate_batch_norm",
    "report",
    "search",
    "show",
    "study",
    "validate",
    "watch",
    "write_answers",
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
        ABKD,
        AT,
        BSS,
        CC,
        CRD,
        CTKD,
        DIS,
        DIST,
        DKD,
        DML,
        EAKD,
        FCFD,
        FSP,
        GKD,
        KCD,
        KD,
        METHODS,
        MGD,
        MKL,
        NKD,
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
        NormKD,
        ReverseKL,
        ReviewKD,
        SimKD,
        SkewKL,
        Subclass,
        SubclassTeacher,
    )
    from keras_kd.models import MODELS
    from keras_kd.models.foreign.stored import write_answers
    from keras_kd.models.pruning.criteria import Criterion
    from keras_kd.models.start import re_estimate_batch_norm
    from keras_kd.report.report import Report
    from keras_kd.training.cooperate import cooperate
    from keras_kd.training.cooperation_settings import Cooperation
    from keras_kd.training.distiller import Distiller, Term
    from keras_kd.training.label_loss import SmoothedCrossEntropy
    from keras_kd.training.member import Member
    from keras_kd.training.meta_distiller import Meta, MetaDistiller
    from keras_kd.training.sampled_distiller import SampledDistiller
    from keras_kd.training.schedules import Schedule
    from keras_kd.training.selecting_distiller import SelectingDistiller
    from keras_kd.training.selection import Selection
    from keras_kd.training.sgd import SGD
    from keras_kd.utils.errors import UserError
    from keras_kd.workflows.bank_commands import bank_build, bank_info, bank_prune, bank_verify
    from keras_kd.workflows.commands import distill, evaluate, export, load_recipe, report, search, study
    from keras_kd.workflows.compress.compress import compress
    from keras_kd.workflows.finished_run import Run
    from keras_kd.workflows.import_published import import_published
    from keras_kd.workflows.inspecting import bench, cite, compare, doctor, new, show, validate
    from keras_kd.workflows.inspecting import list_known as list  # noqa: F401
    from keras_kd.workflows.prune import prune
    from keras_kd.workflows.watch import watch

_NAMES = {
    "keras_kd.bank.bank": "Bank",
    "keras_kd.bank.cross_fitted": "CrossFittedBank",
    "keras_kd.data": "DATASETS",
    "keras_kd.data.epochs": "Epochs",
    "keras_kd.data.rounds": "Rounds",
    "keras_kd.data.views.crop_flip": "VIEWS",
    "keras_kd.data.views.rendering": "ViewRenderer",
    "keras_kd.methods": "ABKD AT AdaMargin BSS CC CRD CTKD DIS DIST DKD DML DoubleDistillation EAKD FCFD FSP FitNet "
    "GKD HardLabels JensenShannon KCD KD LabelSmoothing METHODS MGD MKL MSELogits Method NKD NST NormKD "
    "ONE PKT RKD RLD ReverseKL ReviewKD SP SimKD SkewKL Subclass SubclassTeacher TTM VID WTTM",
    "keras_kd.models": "MODELS",
    "keras_kd.models.foreign.stored": "write_answers",
    "keras_kd.models.pruning.criteria": "Criterion",
    "keras_kd.models.start": "re_estimate_batch_norm",
    "keras_kd.report.report": "Report",
    "keras_kd.training.cooperate": "cooperate",
    "keras_kd.training.cooperation_settings": "Cooperation",
    "keras_kd.training.distiller": "Distiller Term",
    "keras_kd.training.label_loss": "SmoothedCrossEntropy",
    "keras_kd.training.member": "Member",
    "keras_kd.training.meta_distiller": "Meta MetaDistiller",
    "keras_kd.training.sampled_distiller": "SampledDistiller",
    "keras_kd.training.schedules": "Schedule",
    "keras_kd.training.selecting_distiller": "SelectingDistiller",
    "keras_kd.training.selection": "Selection",
    "keras_kd.training.sgd": "SGD",
    "keras_kd.utils.errors": "UserError",
    "keras_kd.workflows.bank_commands": "bank_build bank_info bank_prune bank_verify",
    "keras_kd.workflows.commands": "distill evaluate load_recipe search study",
    "keras_kd.workflows.compress.compress": "compress",
    "keras_kd.workflows.finished_run": "Run",
    "keras_kd.workflows.inspecting": "bench cite compare doctor new show validate",
    "keras_kd.workflows.import_published": "import_published",
    "keras_kd.workflows.prune": "prune",
    "keras_kd.workflows.watch": "watch",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
# Commands that are called as a room is.
_ROOMS = ("export", "report")


class _Room(types.ModuleType):
    """A room of this package, `keras_kd.export` or `keras_kd.report`, which is also called as the command."""

    def __call__(self, *arguments, **options):
        commands = importlib.import_module("keras_kd.workflows.commands")
        return getattr(commands, self.__name__.rpartition(".")[2])(*arguments, **options)


class _Face(types.ModuleType):
    """The package: a room and a command are called export, others report, and Python binds the room to that name once
    it is imported.

    So the room can be called, and is both, in whichever order and by whichever kind of import they are asked for. A
    function kept in the room's place would break `import keras_kd.export.latency as latency`.
    """

    def __setattr__(self, name, value):
        if name in _ROOMS and isinstance(value, types.ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face

# A type checker takes what a module's __getattr__ may give for anything at all.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name in _ROOMS:
            return importlib.import_module(f"keras_kd.{name}")
        if name == "list":  # not in __all__: a star import leaves Python's own
            from keras_kd.workflows.inspecting import list_known

            return list_known
        if name == "ByEpoch":
            from keras_kd.utils.moved import renamed

            renamed("keras_kd.ByEpoch", "keras_kd.Schedule")
            name = "Schedule"
        if name not in _HOMES:
            raise AttributeError(f"module 'keras_kd' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
