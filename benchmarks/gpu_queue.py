"""The queue of `gpu.py` as data: what is to be run on an accelerator, in order of worth. A line is one entry.

To add a method: its recipe's name in `METHODS`, and `# Queue: python benchmarks/gpu.py NAME` in the recipe's head.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
GROUPS = {
    "a": "the first row of the published table",
    "b": "every method with a published number on that pair",
    "c": "two wider pairs",
    "d": "speed",
    "e": "studies that take hours on a CPU",
    "f": "the other published pairs and teachers",
}


@dataclass(frozen=True)
class Line:
    """One entry of the queue.

    Args:
        name: by which it is asked for; that of its recipe or study where it has one.
        group: a key of `GROUPS`.
        kind: "train" a recipe, fill a "bank", "measure" by a part of `gpu_speed.py`, run a "study".
        seeds: of a training, each a run of its own.
        recipe: name of the recipe, where it is not that of the line.
        after: names of lines that come before it.
        settings: {path: value} of a recipe or study that are overridden.
        environment: variables of its processes.
        minutes: on an H100, where no multiply-accumulates are counted: an assumption.
    """

    name: str
    group: str
    kind: str = "train"
    seeds: tuple[int, ...] = (0,)
    recipe: str | None = None
    after: tuple[str, ...] = ()
    settings: dict = field(default_factory=dict, hash=False)
    environment: dict = field(default_factory=dict, hash=False)
    minutes: float | None = None

    @property
    def path(self):
        """The file of its recipe; None of a line without one."""
        if self.kind not in ("train", "bank"):
            return None
        found = sorted((ROOT / "recipes").rglob(f"{self.recipe or self.name}.yaml"))
        return found[0] if found else ROOT / "recipes" / f"{self.recipe or self.name}.yaml"

    @property
    def stem(self):
        """The name of its runs: that of its recipe, unless something of it is overridden."""
        return self.name if self.settings or self.environment else self.recipe or self.name


PAIR = "resnet56_to_resnet20"
THREE = (0, 1, 2)
# By worth: those that are quoted most, then the best of the published ones.
METHODS = (
    *("dkd", "sp", "at", "crd", "fitnet"),
    *("logit_standardization", "dkd_standardized", "dist", "ttm", "wttm", "rld", "reviewkd", "crd_kd", "ctkd", "fcfd"),
    *("mkl", "nkd"),
    *("simkd", "vid", "pkt", "rkd", "cc", "nst", "fsp"),
)
PAIRS = ("resnet32x4_to_resnet8x4", "wrn_40_2_to_wrn_16_2")
OTHER_PAIRS = (
    *("vgg13_to_vgg8", "resnet32x4_to_shufflenet_v2", "resnet32x4_to_shufflenet_v1", "wrn_40_2_to_wrn_40_1"),
    *("wrn_40_2_to_shufflenet_v1", "vgg13_to_mobilenetv2_half", "resnet110_to_resnet20", "resnet110_to_resnet32"),
    *("resnet50_cifar_to_mobilenetv2_half", "resnet50_cifar_to_vgg8"),
)
FULL_CIFAR = {"data.classes": None, "data.image_size": None, "data.train_images": None}


def teacher_of(pair):
    """The line of a pair's teacher."""
    return pair.partition("_to_")[0]


def measured(name, minutes, after=()):
    return Line(name, "d", "measure", seeds=(), after=after, minutes=minutes)


def study(name, minutes, settings=None):
    return Line(name, "e", "study", seeds=(), settings=settings or {}, minutes=minutes)


LINES = (
    measured("choice", 1),
    Line("resnet56", "a"),
    Line("bank", "a", "bank", seeds=(), recipe=PAIR, after=("resnet56",)),
    Line(PAIR, "a", seeds=THREE, after=("bank",)),
    Line("resnet20_alone", "a", seeds=THREE),
    measured("limits", 1.5),
    measured("steps", 2),
    *(Line(name, "b", after=("bank",)) for name in METHODS),
    *(Line(name, "c") for name in map(teacher_of, PAIRS)),
    *(Line(name, "c", after=(teacher_of(name),)) for name in PAIRS),
    measured("scan", 2),
    measured("precision", 2),
    measured("bank_rate", 1.5),
    Line("resnet20_bfloat16", "d", recipe="resnet20_alone", settings={"fit.precision": "mixed_bfloat16"}),
    # On Ampere and later "float32" is TF32, unless the products are asked for whole.
    Line(
        "resnet20_float32_highest",
        "d",
        recipe="resnet20_alone",
        environment={"JAX_DEFAULT_MATMUL_PRECISION": "highest"},
    ),
    study("temperature", 12),
    study("capacity_gap", 10),
    study("nine_methods", 40),
    study("nine_methods_full", 150, FULL_CIFAR),
    Line("resnet56_kept", "f"),
    *(Line(name, "f") for name in ("vgg13", "resnet110", "resnet50_cifar")),
    *(Line(name, "f", after=(teacher_of(name),)) for name in OTHER_PAIRS),
    *(Line(f"{name}_two_more", "b", seeds=THREE[1:], recipe=name, after=("bank",)) for name in METHODS),
)
STUDIES = {"nine_methods_full": "nine_methods"}


def chosen_lines(names=()):
    """The lines of these names and what comes before them, in the queue's order; all without names.

    Raises:
        SystemExit: there is no such line.
    """
    of_name = {line.name: line for line in LINES}
    unknown = [name for name in names if name not in of_name]
    if unknown:
        said = ", ".join(unknown)
        raise SystemExit(f"no such line of the queue: {said}; `python benchmarks/gpu.py --plan` shows all")
    # How the device is used is decided first in any case.
    wanted, waiting = {"choice"}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += of_name[name].after
    return [line for line in LINES if not names or line.name in wanted]


# The shrunk queue: the same lines, recipes and programs on the digits, for a machine without an accelerator.
DIGITS = {
    "data.name": "digits",
    "data.train_images": 512,
    "data.test_images": 200,
    "fit.batch_size": 32,
    "fit.drops": [],
}
SHRUNK_TEACHER = {**DIGITS, "student": "digits_cnn", "fit.epochs": 20}
SHRUNK_STUDENT = {**DIGITS, "student": "digits_tiny", "fit.epochs": 40}
SHRUNK = {
    "choice": {},
    "resnet56": SHRUNK_TEACHER,
    "bank": SHRUNK_STUDENT,
    PAIR: SHRUNK_STUDENT,
    "resnet20_alone": SHRUNK_STUDENT,
    "limits": {},
    "steps": {},
    "dkd": SHRUNK_STUDENT,
    "scan": {},
    "precision": {},
    "bank_rate": {},
}


def shrunk_lines(lines):
    """Those of some lines that the shrunk queue has, with two seeds at most."""
    return [replace(line, seeds=line.seeds[:2]) for line in lines if line.name in SHRUNK]
