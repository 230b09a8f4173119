"""Training the student of a recipe, from where it stands to `student.keras`."""

import json
import shutil
import sys
import time

import keras

from keras_kd import backend
from keras_kd.data.epochs import Epochs, Unchanged
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.methods.find import make
from keras_kd.models import cost as bench
from keras_kd.models.network import INFERENCE_BATCH, build, logits_of
from keras_kd.models.start import re_estimate_batch_norm, start_from
from keras_kd.training.accuracy import Accuracy
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.training.checkpoint import load_state, save_state
from keras_kd.training.distiller import Distiller
from keras_kd.training.history import TensorBoardLog, write_csv
from keras_kd.training.schedule import learning_rate
from keras_kd.training.schedules import ByEpoch
from keras_kd.training.sgd import SGD
from keras_kd.training.term import Term
from keras_kd.training.trust import trust_by_class
from keras_kd.utils.account import changes
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import whole
from keras_kd.utils.formatting import megabytes
from keras_kd.utils.progress import TrainingProgress, telling
from keras_kd.utils.quiet import quiet_start
from keras_kd.workflows.run.choose_bank import bank_of

# Above this the training images stay on the host and each batch is sent as pixels.
RESIDENT_BYTES = 2 * 2**30
# Batches that batch normalisation is measured on where a student starts from its teacher.
START_BATCHES = 50


def build_student(recipe, dataset):
    """The untrained student; its initial weights are decided by the recipe's seed."""
    backend.set_seed(recipe.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.fit.precision)
    try:
        return build(recipe.student, dataset, "student")
    finally:
        keras.config.set_dtype_policy(before)


def build_peers(recipe, dataset):
    """The networks that are trained with the student; their initial weights follow from the recipe's seed."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.fit.precision)
    try:
        return [build(spec, dataset, f"peer_{number}") for number, spec in enumerate(recipe.peers, 1)]
    finally:
        keras.config.set_dtype_policy(before)


def trust_of(recipe, dataset, teacher):
    """The trust in the teacher by class, measured on the validation images; or None."""
    if recipe.trust is None:
        return None
    held_out = dataset.validation
    logits, _ = logits_of(teacher, held_out.images)
    return trust_by_class(logits, held_out.labels, measure=recipe.trust.measure, weight=recipe.trust.weight)


def build_distiller(recipe, teacher, student, views=None, *, peers=(), trust=None, examples=None, banked=False):
    """The compiled Distiller of a recipe.

    Args:
        recipe: a `Recipe`.
        teacher, student: `Network`s; the teacher may be None.
        views: the layer that renders what it is fed.
        peers: `Network`s trained with the student.
        trust: trust in the teacher by class, or None.
        examples: the number of training examples.
        banked: what the teacher says comes with the batches.
    """
    share = recipe.student.start_from_teacher
    if share is not None:
        start_from(student.model, teacher.model, share)
    given = {"student": student, **({"teacher": teacher} if teacher else {})}
    given.update({f"peer_{number}": peer for number, peer in enumerate(peers, 1)})
    distiller = Distiller(
        student.model,
        teacher.model if teacher else None,
        terms=[Term(make(term), term.weight, term.schedules) for term in recipe.terms],
        label_weight=recipe.label_weight,
        from_logits={role: network.from_logits for role, network in given.items()},
        views=views,
        peers=[peer.model for peer in peers],
        trust=trust,
        examples=examples,
        banked=banked,
    )
    fit = recipe.fit
    distiller.compile(
        optimizer=optimizer(fit, phases=_has_phases(recipe)),
        metrics=[Accuracy()],
        steps_per_execution=backend.steps_per_execution()
        if fit.steps_per_execution == "auto"
        else fit.steps_per_execution,
        jit_compile=fit.jit_compile,
    )
    return distiller


def _has_phases(recipe):
    """Whether a weight is 0 in some epochs, so that part of the student may not be reached by a gradient."""
    weights = [recipe.label_weight, *(term.weight for term in recipe.terms)]
    return any(isinstance(weight, ByEpoch) and 0 in weight.values() for weight in weights)


def optimizer(fit, phases=False):
    """The optimizer of a recipe's `fit`; with `phases` it leaves alone what a step does not reach."""
    if fit.optimizer == "sgd":
        return SGD(
            fit.learning_rate, momentum=fit.momentum, l2=fit.l2, nesterov=fit.nesterov, skip_zero_gradients=phases
        )
    if fit.optimizer == "adamw":
        return keras.optimizers.AdamW(fit.learning_rate, weight_decay=fit.weight_decay)
    return keras.optimizers.Adam(fit.learning_rate)


def train(
    recipe,
    dataset,
    teacher,
    files,
    *,
    title,
    begin,
    quiet=False,
    until=None,
    home_folder=None,
    keep_best=False,
    anew=False,
):
    """Trains the student from where it stands, keeping the state after every epoch; leaves `student.keras`.

    Args:
        recipe, dataset, teacher, files: as in `keras_kd.workflows.run.distill`.
        title: what the progress is of.
        begin: called once everything is built, so that what cannot be trained leaves no trace and costs nothing.
        quiet: no progress.
        until: the epoch after which it stops, its state kept, to be gone on with; all of the recipe's by default.
        home_folder: a run folder beside which the banks lie; that of `files` by default.
        keep_best: also keeps the student of the epoch that is best on the validation images, if there are any.
        anew: passes over the state that is there.
    """
    fit = recipe.fit
    until = fit.epochs if until is None else min(until, fit.epochs)
    if fit.deterministic:
        backend.make_deterministic()
    student = build_student(recipe, dataset)
    _room_for(files, student.model)
    views, train_split = recipe.data.family, dataset.train
    views.check(dataset.image_shape)
    resident = train_split.images.nbytes <= RESIDENT_BYTES
    renderer = ViewRenderer(views, train_split.images if resident else None)
    tell = (lambda line: None) if quiet else (lambda line: print(f"{title}: {line}", file=sys.stderr, flush=True))
    bank = bank_of(recipe, dataset, teacher, home_folder or files.path, renderer, tell)
    distiller = build_distiller(
        recipe,
        teacher,
        student,
        renderer,
        peers=build_peers(recipe, dataset),
        trust=trust_of(recipe, dataset, teacher),
        examples=len(train_split),
        banked=bank is not None,
    )
    rows = [] if anew else load_state(distiller, files.state)
    begin()
    if rows:
        # A kill between the state and the history left the history an epoch behind.
        write_csv(rows, files.history)
    epochs = Epochs(
        None if resident else train_split.images,
        train_split.labels,
        views,
        fit.batch_size,
        recipe.seed,
        len(rows),
        image_shape=dataset.image_shape,
        classes=dataset.classes,
        bank=bank,
        positions=None if views.mixing else train_split.positions,
    )
    if recipe.student.start_from_teacher is not None and not rows:
        first = range(min(len(epochs), START_BATCHES))
        re_estimate_batch_norm(student.model, (renderer(epochs[step][0]) for step in first))
    validation = dataset.validation and Unchanged(
        dataset.validation.images, dataset.validation.labels, views, INFERENCE_BATCH
    )
    record = _Record(distiller, rows, files, fit, epochs, tell, keep_best)
    rate = keras.callbacks.LearningRateScheduler(
        lambda epoch: learning_rate(
            epoch,
            base=fit.learning_rate,
            epochs=fit.epochs,
            drops=fit.drops,
            drop_factor=fit.drop_factor,
            decay=fit.decay,
            warmup_epochs=fit.warmup_epochs,
        )
    )
    callbacks = [rate, StopOnNonFinite(), record]
    progress = None if quiet else TrainingProgress(title, fit.epochs, len(epochs), len(rows))
    if progress:
        callbacks.append(progress)
    try:
        if len(rows) < until:
            record.begin(fill_all=recipe.bank.mode == "full")
            distiller.fit(
                epochs,
                epochs=until,
                initial_epoch=len(rows),
                shuffle=False,
                verbose=0,
                validation_data=validation,
                callbacks=callbacks,
            )
    finally:
        record.log.close()
        if progress:
            progress.stop()
    # The student comes last: once it is there, training is done, and what it left is there too.
    if bank is not None:
        with whole(files.bank) as temporary:
            temporary.write_text(json.dumps(bank.summary(), indent=1), encoding="utf-8")
    write_csv(rows, files.history, done=True)
    # On JAX Keras imports TensorFlow here, where it is installed.
    with whole(files.student) as temporary, quiet_start():
        distiller.save(temporary)
    files.filling.unlink(missing_ok=True)
    if until == fit.epochs:
        files.state.unlink(missing_ok=True)


class _Record(keras.callbacks.Callback):
    """Has the bank filled before every epoch, keeps the state and the history after it."""

    def __init__(self, distiller, rows, files, fit, epochs, tell, keep_best):
        super().__init__()
        self.keep_best = keep_best
        self.distiller, self.rows, self.files, self.fit = distiller, rows, files, fit
        self.epochs, self.bank, self.tell = epochs, epochs.bank, tell
        self.log = TensorBoardLog(files.tensorboard, rows)

    def begin(self, fill_all):
        """Before `fit`, which looks at a first batch before it begins with an epoch."""
        self._start()
        self.epochs.before_filling = self._remember
        if self.bank is not None and fill_all:
            self._remember(self.epochs.epoch, self.bank.asks_in_all())
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
            with whole(file) as temporary:
                temporary.write_text(json.dumps({"epoch": epoch, "views": views}), encoding="utf-8")

    def _filling(self):
        """Tells of a filling that takes long, now and then."""
        return telling(lambda said: self.tell(f"bank {said}"))

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self.begun, 3)
        if self.bank is not None:
            row["teacher_seconds"] = round(self.bank.seconds - self.before[0], 3)
            row["teacher_views"] = self.bank.computed - self.before[1] if self.asked is None else self.asked
        self._start()
        best = max((one["val_accuracy"] for one in self.rows if "val_accuracy" in one), default=-1.0)
        if self.keep_best and row.get("val_accuracy", -1.0) > best:
            with whole(self.files.best_validation) as temporary, quiet_start():
                self.distiller.save(temporary)
        self.rows.append(row)
        # Before the state: a kill in between repeats the epoch, one after it would lose the checkpoint.
        if self.fit.keeps(epoch + 1) and epoch + 1 < self.fit.epochs:
            with whole(self.files.checkpoint(epoch + 1)) as temporary, quiet_start():
                self.distiller.save(temporary)
        save_state(self.distiller, self.rows, self.files.state)
        write_csv(self.rows, self.files.history)
        self.log.add(row)


def _room_for(files, model):
    """Refuses to begin where the run cannot be written: weights, momentum, the new state beside the old, exports."""
    need = 8 * bench.bytes_of_weights(model) + 10 * 2**20
    free = shutil.disk_usage(files.path).free
    if free < need:
        needed, there = (megabytes(one, 0, mega=2**20) for one in (need, free))
        raise UserError(
            f"{files.path}: the run needs about {needed} and the disk has {there} free; "
            "free some space, or give another --out"
        )
