"""Training the student of a recipe, from where it stands to `student.keras`."""

import shutil
import time

import keras

from keras_kd import backend, bench
from keras_kd.data.epochs import Epochs, Unchanged
from keras_kd.data.rendering import ViewRenderer
from keras_kd.data.views import VIEWS
from keras_kd.distiller import Distiller, Term
from keras_kd.errors import UserError
from keras_kd.files import whole
from keras_kd.history import TensorBoardLog, write_csv
from keras_kd.methods import METHODS
from keras_kd.networks import INFERENCE_BATCH, build
from keras_kd.non_finite import StopOnNonFinite
from keras_kd.optimizers import SGD
from keras_kd.progress import TrainingProgress
from keras_kd.quiet import quiet_start
from keras_kd.resume import load_state, save_state
from keras_kd.schedule import learning_rate

# Above this the training images stay on the host and each batch is sent as pixels.
RESIDENT_BYTES = 2 * 2**30


def build_student(recipe, dataset):
    """The untrained student; its initial weights are decided by the recipe's seed."""
    backend.set_seed(recipe.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.fit.precision)
    try:
        return build(recipe.student, dataset, "student")
    finally:
        keras.config.set_dtype_policy(before)


def build_distiller(recipe, teacher, student, views=None):
    """The compiled Distiller of a recipe; `views` is the layer that renders what it is fed."""
    distiller = Distiller(
        student.model,
        teacher.model if teacher else None,
        terms=[Term(METHODS[term.method](**term.settings), term.weight) for term in recipe.terms],
        label_weight=recipe.label_weight,
        from_logits={"student": student.from_logits, "teacher": teacher.from_logits if teacher else True},
        views=views,
    )
    fit = recipe.fit
    distiller.compile(
        optimizer=optimizer(fit),
        metrics=["accuracy"],
        steps_per_execution=fit.steps_per_execution,
        jit_compile=fit.jit_compile,
    )
    return distiller


def optimizer(fit):
    """The optimizer of a recipe's `fit`."""
    if fit.optimizer == "sgd":
        return SGD(fit.learning_rate, momentum=fit.momentum, l2=fit.l2, nesterov=fit.nesterov)
    if fit.optimizer == "adamw":
        return keras.optimizers.AdamW(fit.learning_rate, weight_decay=fit.weight_decay)
    return keras.optimizers.Adam(fit.learning_rate)


def train(recipe, dataset, teacher, files, *, title, keep_recipe, quiet=False):
    """Trains the student from where it stands, keeping the state after every epoch; leaves `student.keras`.

    Args:
        recipe, dataset, teacher, files: as in `keras_kd.run`.
        title: what the progress is of.
        keep_recipe: called once everything is built, so that what cannot be trained leaves no trace.
        quiet: no progress.
    """
    fit = recipe.fit
    if fit.deterministic:
        backend.make_deterministic()
    student = build_student(recipe, dataset)
    _room_for(files, student.model)
    views, train_split = VIEWS[recipe.data.views], dataset.train
    resident = train_split.images.nbytes <= RESIDENT_BYTES
    renderer = ViewRenderer(views, train_split.images if resident else None)
    distiller = build_distiller(recipe, teacher, student, renderer)
    rows = load_state(distiller, files.state)
    keep_recipe()
    if rows:
        # A kill between the state and the history left the history an epoch behind.
        write_csv(rows, files.history)
    epochs = Epochs(
        None if resident else train_split.images, train_split.labels, views, fit.batch_size, recipe.seed, len(rows)
    )
    validation = dataset.validation and Unchanged(
        dataset.validation.images, dataset.validation.labels, views, INFERENCE_BATCH
    )
    record = _Record(distiller, rows, files)
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
        if len(rows) < fit.epochs:
            distiller.fit(
                epochs,
                epochs=fit.epochs,
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
    # On JAX Keras imports TensorFlow here, where it is installed.
    with whole(files.student) as temporary, quiet_start():
        distiller.save(temporary)
    files.state.unlink(missing_ok=True)


class _Record(keras.callbacks.Callback):
    """Keeps the state and the history after every epoch."""

    def __init__(self, distiller, rows, files):
        super().__init__()
        self.distiller, self.rows, self.files = distiller, rows, files
        self.log = TensorBoardLog(files.tensorboard, rows)

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self.begun, 3)
        self.rows.append(row)
        save_state(self.distiller, self.rows, self.files.state)
        write_csv(self.rows, self.files.history)
        self.log.add(row)


def _room_for(files, model):
    """Refuses to begin where the run cannot be written: weights, momentum, the new state beside the old, exports."""
    need = 8 * bench.bytes_of_weights(model) + 10 * 2**20
    free = shutil.disk_usage(files.path).free
    if free < need:
        raise UserError(
            f"{files.path}: the run needs about {need / 2**20:.0f} MB and the disk has {free / 2**20:.0f} MB free; "
            "free some space, or give another --out"
        )
