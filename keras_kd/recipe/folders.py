"""Where everything of a run lies: its files, its generations; next to it other seeds, baselines, banks, its teachers'
runs. Nothing else in the package makes such a path."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from keras_kd.bank.places import BANKS, places
from keras_kd.evaluation.predictions_file import NAME as PREDICTIONS
from keras_kd.export.formats import FILES as EXPORTED
from keras_kd.training.history import EVENTS
from keras_kd.utils.file_names import file_name


@dataclass(frozen=True)
class RunFolder:
    """The files of a run."""

    path: Path

    recipe = property(lambda self: self.path / "recipe.yaml")
    student = property(lambda self: self.path / "student.keras")
    state = property(lambda self: self.path / "training_state.npz")
    history = property(lambda self: self.path / "history.csv")
    filling = property(lambda self: self.path / "bank_filling.json")
    tensorboard = property(lambda self: self.path / "tensorboard")
    report = property(lambda self: self.path / "report.json")
    report_page = property(lambda self: self.path / "report.html")
    predictions = property(lambda self: self.path / PREDICTIONS)
    teacher = property(lambda self: self.path / "teacher.json")
    taught_teacher = property(lambda self: self.path / "taught_teacher.keras")
    cooperation = property(lambda self: self.path / "cooperation.json")
    bank = property(lambda self: self.path / "bank.json")
    pruning = property(lambda self: self.path / "pruning.json")
    int8_student = property(lambda self: self.path / "student_int8.keras")
    delivered = property(lambda self: self.path / "delivered.keras")
    text = property(lambda self: self.path / "report.md")
    bench = property(lambda self: self.path / "bench.json")
    card = property(lambda self: self.path / "model_card.md")
    example = property(lambda self: self.path / "example" / "run.py")
    best_validation = property(lambda self: self.path / "checkpoints" / "best_validation.keras")

    def checkpoint(self, epoch):
        """The student as it was after an epoch."""
        return self.path / "checkpoints" / f"epoch_{epoch:04d}.keras"

    def peer(self, number):
        """A network that cooperated with the student, from 1."""
        return self.path / f"peer_{number}.keras"

    @property
    def always(self):
        """The files that every run has."""
        found = (self.recipe, self.student, self.state, self.history, self.report, self.text, self.report_page)
        return (*found, self.predictions, self.card)

    def of(self, recipe):
        """All files that a run of a recipe may write."""
        exports = [self.path / EXPORTED[one] for one in recipe.export.formats]
        others = [self.bank, self.filling, self.teacher, self.tensorboard / EVENTS, self.best_validation]
        others += [self.checkpoint(epoch) for epoch in recipe.fit.kept() if epoch < recipe.fit.epochs]
        others += [self.example, self.int8_student] if exports else []
        others += [self.delivered] if recipe.export.deliver == "best" else []
        others += [self.taught_teacher] if recipe.meta is not None else []
        others += [self.pruning] if recipe.student.prune is not None else []
        if recipe.cooperative is not None:
            others += [self.cooperation, *(self.peer(number) for number in range(1, len(recipe.peers) + 1))]
        return (*self.always, *exports, *others)


# What is there of a run in addition to `RunFolder.always` and the exported files: names relative to its folder.
OTHERS = (
    r"(teacher|bank|bench|pruning)\.json|(student_int8|delivered)\.keras|example/run\.py|checkpoints/(epoch_\d{4,}|best_validation)\.keras|"
    r"tensorboard/events\.out\.tfevents\.\d+\.keras_kd|saved_model/(saved_model|fingerprint|keras_metadata)\.pb|"
    r"saved_model/variables/variables\.[\w.-]+"
)
INSIDE = ("example", "checkpoints", "tensorboard", "saved_model", "saved_model/variables", "saved_model/assets")


def run_name(name, seed, own_seed, smoke):
    """The folder of a recipe's run: a seed other than the recipe's own, and a smoke run, have one of their own.

    It is a plain name, whatever the recipe is called.

    Example:
        >>> run_name("digits", 1, own_seed=0, smoke=False)
        'digits-seed1'
    """
    return file_name(name) + (f"-seed{seed}" if seed != own_seed else "") + ("-smoke" if smoke else "")


def teacher_run_name(stem, settings):
    """The name of a teacher's run: that of its recipe, with a digest of what is overridden in it.

    Example:
        >>> teacher_run_name("resnet56", {}), teacher_run_name("resnet56", {"fit.epochs": 20})
        ('resnet56', 'resnet56-53c377a4')
    """
    if not settings:
        return stem
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return f"{stem}-{digest[:8]}"


def seed_folder(folder, seed, own_seed):
    """Where the run of a seed lies.

    Example:
        >>> seed_folder("saved_models/digits", 2, 0).as_posix()
        'saved_models/digits-seed2'
    """
    folder = Path(folder)
    return folder if seed == own_seed else folder.with_name(f"{folder.name}-seed{seed}")


def study_run_folder(folder, cell, seed):
    """Where the run of a cell of a study lies.

    Example:
        >>> study_run_folder("saved_models/study-noise", "noise-50", 0).as_posix()
        'saved_models/study-noise/noise-50-seed0'
    """
    return Path(folder) / f"{cell}-seed{seed}"


def baseline_folder(folder, student, digest, seed):
    """Where the same student on labels alone lies: found by what it is, so that recipes share it.

    Args:
        folder: of the run that is judged by it.
        student: the name of the student.
        digest: of what is trained.
        seed: of the run.

    Example:
        >>> baseline_folder("saved_models/digits", "digits_tiny", "0123abcd", 1).as_posix()
        'saved_models/baselines/digits_tiny-0123abcd-seed1'
    """
    return home(folder) / "baselines" / f"{student}-{digest}-seed{seed}"


def folders_of_banks(run_folder, given=None):
    """Where the banks of a run are looked for, and made: next to the runs, or where several folders of runs share them.

    Args:
        run_folder: of the run.
        given: the folder that its recipe asks for, or None.

    Example:
        >>> {place.as_posix() for place in folders_of_banks("saved_models/digits")}
        {'saved_models/bank'}
    """
    return places(home(run_folder) / BANKS, given)


def generation_folder(folder, number):
    """Where the run of an earlier generation lies: in the run, next to the others.

    Args:
        folder: of a run, or of one of its generations.
        number: 1 for the first.

    Example:
        >>> generation_folder("saved_models/born_again", 1).as_posix()
        'saved_models/born_again/generation_1'
        >>> generation_folder("saved_models/born_again/generation_2", 1).as_posix()
        'saved_models/born_again/generation_1'
    """
    folder = Path(folder)
    return (folder.parent if _is_generation(folder) else folder) / f"generation_{number}"


def step_folder(folder, number):
    """Where the run of an earlier step of a student that is pruned in several lies: in the run.

    Args:
        folder: of the run.
        number: 1 for the first.

    Example:
        >>> step_folder("saved_models/small", 1).as_posix(), home("saved_models/small/step_1").as_posix()
        ('saved_models/small/step_1', 'saved_models')
    """
    return Path(folder) / f"step_{number}"


def home(folder):
    """The folder in which the runs of a run's teachers lie: that of the run itself.

    Example:
        >>> home("saved_models/born_again").as_posix(), home("saved_models/born_again/generation_2").as_posix()
        ('saved_models', 'saved_models')
    """
    folder = Path(folder)
    inside = _is_generation(folder) or re.fullmatch(r"step_\d+", folder.name)
    return folder.parent.parent if inside else folder.parent


def _is_generation(folder):
    return re.fullmatch(r"generation_\d+", folder.name) is not None
