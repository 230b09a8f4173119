"""Training the student of a recipe, from where it stands to `student.keras`."""

import json
import shutil
import time
from typing import Any, NamedTuple

import keras

from keras_kd import backend
from keras_kd.models import cost as bench
from keras_kd.models.start import re_estimate_batch_norm
from keras_kd.recipe.folders import RunFolder, step_folder
from keras_kd.training.averaged_weights import EvaluateAverages, averaged
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.training.checkpoint import load_state, save_state
from keras_kd.training.early_stopping import judged_by, why_stopped
from keras_kd.training.history import TensorBoardLog, write_csv
from keras_kd.training.progress import QuietProgress, TrainingProgress, progress_log
from keras_kd.utils import stages
from keras_kd.utils.account import changes
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.formatting import megabytes
from keras_kd.utils.quiet import quiet_start
from keras_kd.workflows.run.build import build_distiller, build_peers, build_student, trust_of
from keras_kd.workflows.run.choose_bank import bank_of
from keras_kd.workflows.run.class_weight import with_class_weights
from keras_kd.workflows.run.cooperating import train_cooperating
from keras_kd.workflows.run.feed import epochs_of, rate_of, renderer_of, rounds_of, validation_batches
from keras_kd.workflows.run.label_weight import in_words, with_measured_weights
from keras_kd.workflows.run.margins import with_measured_margins
from keras_kd.workflows.run.measure import load_student
from keras_kd.workflows.run.prune_student import keep_plan, kept_before, plan_of, student_of
from keras_kd.workflows.run.running_page import RefreshPage
from keras_kd.workflows.run.taught_teacher import as_it_was, keep_taught

# Batches that batch normalisation is measured on where a student starts from its teacher, or is made from it; of the
# latter also once it is trained.
START_BATCHES = 50


def train(context, teacher, *, begin, until=None, home_folder=None, keep_best=False, anew=False):
    """Trains the student from where it stands, keeping the state after every epoch; leaves `student.keras`.

    Args:
        context: the `RunContext`.
        teacher: its `Network`, or None.
        begin: called once everything is built, so that what cannot be trained leaves no trace and costs nothing.
        until: the epoch after which it stops, its state kept, to be gone on with; all of the recipe's by default.
        home_folder: a run folder next to which the banks lie; that of the context by default.
        keep_best: also keeps the student of the epoch that is best on the validation images, if there are any.
        anew: passes over the state that is there.
    """
    if context.recipe.cooperative is not None:
        train_cooperating(context, begin=begin, room_for=lambda models: _room_for(context.files, models), anew=anew)
        return
    # A teacher that learns is as it was afterwards: what is measured, and the next trial, begin with that one.
    with as_it_was(teacher if context.recipe.meta else None):
        _train(context, teacher, begin, until, home_folder, keep_best, anew)


def _train(context, teacher, begin, until, home_folder, keep_best, anew):
    training = prepare(context, teacher, begin=begin, until=until, home_folder=home_folder, anew=anew)
    _fit(context, training, keep_best)
    if training.until == context.recipe.fit.epochs and context.recipe.student.prune is not None:
        _settle(context, training)
    keep(context.files, training)
    if training.until == context.recipe.fit.epochs or training.stopped(context.recipe.fit):
        context.files.state.unlink(missing_ok=True)


class Training(NamedTuple):
    """A training that is built, and stands where its kept state left it.

    Args:
        distiller: compiled.
        steps: the `Epochs` or `Rounds` that it is fed.
        bank: the teacher's `Bank`, or None.
        rows: its history so far, one dict per epoch; added to.
        until: the epoch after which it stops.
        kept: the student's weights after the epoch that `early_stopping` keeps, in a list that is added to; or empty.
    """

    distiller: Any
    steps: Any
    bank: Any
    rows: list
    until: int
    kept: list

    def stopped(self, fit):
        """Whether validation images ended it; `fit` is that of the recipe."""
        return judged_by(self.rows, fit.early_stopping).stopped is not None

    @property
    def views(self):
        """How many of an image a bank asks about."""
        return 1 if self.bank is None else self.bank.count


def prepare(context, teacher, *, begin, until=None, home_folder=None, anew=False):
    """The `Training` of a recipe; arguments as of `train`."""
    recipe, measured = with_measured_weights(context.recipe, context.dataset, teacher)
    dataset, files = context.dataset, context.files
    recipe = with_measured_margins(recipe, dataset, teacher)
    recipe = with_class_weights(recipe, dataset.class_names, dataset.train.labels)
    if measured:
        context.log(in_words(measured))
    until = recipe.fit.epochs if until is None else min(until, recipe.fit.epochs)
    if recipe.fit.deterministic:
        backend.make_deterministic()
    student, plan = _student(context, recipe, teacher, anew)
    if plan is not None and not recipe.terms:
        teacher = None  # the student was made from it, and learns from labels alone
    _room_for(files, [student.model, *([teacher.model] if recipe.meta else [])])
    recipe.data.family.check(dataset.image_shape)
    renderer = renderer_of(recipe, dataset)
    bank = bank_of(recipe, dataset, teacher, home_folder or files.path, renderer, context.log)
    distiller = build_distiller(
        recipe,
        teacher,
        student,
        renderer,
        peers=build_peers(recipe, dataset),
        trust=trust_of(recipe, dataset, teacher),
        examples=len(dataset.train),
        banked=bank is not None,
    )
    rows, kept = ([], None) if anew else load_state(distiller, files.state)
    epochs = epochs_of(recipe, dataset, renderer, bank, epoch=len(rows), teacher=teacher)
    steps = rounds_of(recipe, dataset, epochs)
    begin()
    if rows:
        # A kill between the state and the history left the history an epoch behind.
        write_csv(rows, files.history)
    if plan is not None:
        keep_plan(files, recipe, plan)
    if (recipe.student.start_from_teacher is not None or plan is not None) and not rows:
        first = range(min(len(epochs), START_BATCHES))
        re_estimate_batch_norm(student.model, (renderer(epochs[step][0]) for step in first))
    return Training(distiller, steps, bank, rows, until, kept or [])


def _settle(context, training):
    """Measures batch normalisation anew, on training images, once a student that was made from its teacher is trained.

    It is taught for so few steps that the running statistics are those of networks that it was on the way (Wu & Johnson
    2021, arXiv:2105.07576).
    """
    renderer = renderer_of(context.recipe, context.dataset)
    epochs = epochs_of(context.recipe, context.dataset, renderer, epoch=context.recipe.fit.epochs)
    first = range(min(len(epochs), START_BATCHES))
    re_estimate_batch_norm(training.distiller.student, (renderer(epochs[step][0]) for step in first))


def _student(context, recipe, teacher, anew):
    """(the untrained student, the plan by which it is made from its teacher, or None)."""
    dataset = context.dataset
    if recipe.student.prune is None:
        return build_student(recipe, dataset), None
    backend.set_seed(recipe.seed)
    before, steps, source = None if anew else kept_before(context.files), recipe.student.prune.steps, None
    if steps > 1:
        source = load_student(recipe, dataset, RunFolder(step_folder(context.files.path, steps - 1)))
    plan = plan_of(recipe, dataset, teacher, before, source=source, measures=True, log=context.log)
    return student_of(recipe, dataset, plan), plan


def callbacks_of(context, training, keep_best=False):
    """What a training needs beside its steps: [the learning rate's, that of lost numbers, the `Record`]."""
    fit = context.recipe.fit
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: rate_of(fit, epoch))
    return [rate, StopOnNonFinite(), EvaluateAverages(), Record(context, training, keep_best)]


def _fit(context, training, keep_best):
    """Trains until an epoch, with the callbacks of a run; the rows of the history are added to."""
    fit, rows = context.recipe.fit, training.rows
    *others, record = callbacks_of(context, training, keep_best)
    shown = (fit.epochs, len(training.steps), rows, training.views)
    progress = QuietProgress(*shown) if context.quiet else TrainingProgress(context.title, *shown)
    # A trial of a search has no page.
    page = [RefreshPage(context, progress)] if keep_best else []
    try:
        if len(rows) < training.until and not training.stopped(fit):
            record.begin(fill_all=context.recipe.bank.mode == "full")
            training.distiller.fit(
                training.steps,
                epochs=training.until,
                initial_epoch=len(rows),
                shuffle=False,
                verbose=0,
                validation_data=validation_batches(context),
                callbacks=[*others, record, progress, *page],
            )
            if training.stopped(fit):
                context.log(why_stopped(rows, fit.early_stopping))
    finally:
        record.tensorboard.close()
        progress.stop()


def keep(files, training):
    """Writes what training leaves. The student comes last: once it is there, training is done, and the rest is too."""
    if training.bank is not None:
        with atomic_write(files.bank) as temporary:
            temporary.write_text(json.dumps(training.bank.summary(), indent=1), encoding="utf-8")
    write_csv(training.rows, files.history, done=True)
    keep_taught(files, training.distiller)
    # On JAX Keras imports TensorFlow here, where it is installed.
    with atomic_write(files.student) as temporary, quiet_start(), averaged(training.distiller):
        if training.kept:
            training.distiller.student.set_weights(training.kept)
        training.distiller.save(temporary)
    files.filling.unlink(missing_ok=True)


class Record(keras.callbacks.Callback):
    """Has the bank filled before every epoch, keeps the state and the history after it.

    Args:
        context: the `RunContext`.
        training: the `Training`.
        keep_best: as of `train`.
    """

    def __init__(self, context, training, keep_best):
        super().__init__()
        self.files, self.fit, self.log = context.files, context.recipe.fit, context.log
        self.distiller, self.epochs, self.bank = training.distiller, training.steps, training.steps.bank
        self.rows, self.kept, self.keep_best = training.rows, training.kept, keep_best
        self.tensorboard = TensorBoardLog(self.files.tensorboard, self.rows)

    def begin(self, fill_all):
        """Before `fit`, which looks at a first batch before it begins with an epoch."""
        self._start()
        self.epochs.before_filling = self._remember
        if self.bank is not None and fill_all:
            self._remember(self.epochs.epoch, self.bank.asks_in_all())
            with stages.stage("bank"):
                self.bank.fill_all(self._filling())
        self.epochs.progress = self._filling()
        self.epochs.fill()

    def _start(self):
        self.begun, self.asked = time.monotonic(), None
        self.before = (self.bank.seconds, self.bank.computed) if self.bank is not None else None

    def _remember(self, epoch, views):
        """Keeps how many views an epoch asks about: where the filling is killed, the count of its process is lost."""
        file, said = self.files.filling, {}
        if file.exists() and not changes(self.files.path, [file.name]):
            said = json.loads(file.read_text(encoding="utf-8"))
        self.asked = said.get("views") if said.get("epoch") == epoch else None
        if self.asked is None and views:
            with atomic_write(file) as temporary:
                temporary.write_text(json.dumps({"epoch": epoch, "views": views}), encoding="utf-8")

    def _filling(self):
        """Tells of a filling that takes long, now and then."""
        return progress_log(lambda said: self.log(f"bank {said}"))

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self.begun, 3)
        if self.bank is not None:
            row["teacher_seconds"] = round(self.bank.seconds - self.before[0], 3)
            row["teacher_views"] = self.bank.computed - self.before[1] if self.asked is None else self.asked
        self._start()
        best = max((one["val_accuracy"] for one in self.rows if "val_accuracy" in one), default=-1.0)
        if self.keep_best and row.get("val_accuracy", -1.0) > best:
            self._save(self.files.best_validation)
        self.rows.append(row)
        judged = judged_by(self.rows, self.fit.early_stopping)
        if self.fit.early_stopping is not None and judged.best == epoch + 1:
            with averaged(self.distiller):
                self.kept[:] = self.distiller.student.get_weights()
        # Before the state: a kill in between repeats the epoch, one after it would lose the checkpoint.
        if self.fit.keeps(epoch + 1) and epoch + 1 < self.fit.epochs:
            self._save(self.files.checkpoint(epoch + 1))
        save_state(self.distiller, self.rows, self.files.state, self.kept)
        write_csv(self.rows, self.files.history)
        self.tensorboard.add(row)
        stages.mark()
        if judged.stopped is not None:
            self.model.stop_training = True

    def _save(self, file):
        """Saves the student as it is validated."""
        with atomic_write(file) as temporary, quiet_start(), averaged(self.distiller):
            self.distiller.save(temporary)


def _room_for(files, models):
    """Refuses to begin where the run cannot be written: weights, momentum, the new state next to the old, exports."""
    need = 8 * sum(map(bench.bytes_of_weights, models)) + 10 * 2**20
    free = shutil.disk_usage(files.path).free
    if free < need:
        needed, there = (megabytes(one, 0, mega=2**20) for one in (need, free))
        raise UserError(
            f"{files.path}: the run needs about {needed} and the disk has {there} free; "
            "free some space, or give another --out"
        )
