"""Training a student for int8: its quantisation simulated, its teacher's bank as the target."""

import sys
import time

import keras

from keras_kd import backend
from keras_kd.data.epochs import Epochs
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.export import spanning
from keras_kd.export.int8_simulation import Simulation
from keras_kd.methods.kd import KD
from keras_kd.recipe.schema import TermSpec
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.training.distiller import Distiller, Term
from keras_kd.utils.errors import NonFiniteLoss, UserError
from keras_kd.utils.files import whole
from keras_kd.utils.quiet import quiet_start
from keras_kd.workflows.run.choose_bank import bank_of
from keras_kd.workflows.run.train import RESIDENT_BYTES

LABEL_WEIGHT = 0.1


def fine_tune(recipe, dataset, teacher, student, calibration_images, file, *, run_folder, title, quiet=False):
    """Trains a copy of a student in simulated int8 and saves it, without its batch normalisation, in float32.

    The loss is 0.1 of the label loss and 0.9 of KD at the temperature of the recipe's KD term, or 4. Each epoch begins
    with ranges that are measured anew on the calibration images, as the converter will measure them.

    Args:
        recipe: a `Recipe`; its views, seed, bank and `export.int8_fine_tuning` are used.
        dataset: its data.
        teacher: its `Network`, or None; without one, or with one of other classes, the student in float32 teaches.
        student: its trained `Network`, which stays as it is.
        calibration_images: uint8, (n, height, width, channels).
        file: where the trained copy goes, a `.keras` file of Keras's own layers.
        run_folder: of the run, beside which the banks lie.
        title: of what is told on the way.
        quiet: tells nothing.

    Returns:
        {"epochs", "learning_rate", "teacher", "loss", "seconds"}.

    Raises:
        UserError: the student cannot be simulated in int8, or the loss became NaN or infinite.
    """
    begun, chosen = time.monotonic(), recipe.export.int8_fine_tuning
    calibration_images = spanning(calibration_images)
    simulation = _simulated(student, calibration_images)
    temperature = next((term.settings.get("temperature", 4.0) for term in recipe.terms if term.method == "kd"), 4.0)
    if teacher is not None and teacher.model.output_shape[-1] != dataset.classes:
        teacher = None
    views, train = recipe.data.family, dataset.train
    resident = train.images.nbytes <= RESIDENT_BYTES
    renderer = ViewRenderer(views, train.images if resident else None)
    bank, tell = None, (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr, flush=True))
    if teacher is not None:
        kd = recipe.model_copy(update={"terms": (TermSpec(method="kd", settings={"temperature": temperature}),)})
        bank = bank_of(kd, dataset, teacher, run_folder, renderer)
    taught_by = teacher or student
    distiller = Distiller(
        simulation.network,
        taught_by.model,
        [Term(KD(temperature=temperature), 1 - LABEL_WEIGHT)],
        label_weight=LABEL_WEIGHT,
        from_logits={"student": student.from_logits, "teacher": taught_by.from_logits},
        views=renderer,
        banked=bank is not None,
    )
    epochs = Epochs(
        None if resident else train.images,
        train.labels,
        views,
        recipe.fit.batch_size,
        recipe.seed,
        image_shape=dataset.image_shape,
        classes=dataset.classes,
        bank=bank,
        positions=None if views.mixing else train.positions,
    )
    # At a learning rate that stays, the last values of kernels flip between two of the 255.
    rate = keras.optimizers.schedules.CosineDecay(chosen.learning_rate, chosen.epochs * len(epochs))
    distiller.compile(optimizer=keras.optimizers.Adam(rate), metrics=["accuracy"])

    def tell_epoch(epoch, logs):
        tell(f"{title}: int8 fine-tuning, epoch {epoch + 1} of {chosen.epochs}: loss {logs['loss']:.4f}")

    backend.set_seed(recipe.seed)
    again = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: simulation.calibrate(calibration_images), on_epoch_end=tell_epoch
    )
    try:
        history = distiller.fit(
            epochs, epochs=chosen.epochs, shuffle=False, verbose=0, callbacks=[StopOnNonFinite(), again]
        )
    except NonFiniteLoss as error:
        cure = "lower export.int8_fine_tuning.learning_rate"
        raise UserError(f"{str(error).split(';')[0]} of int8 fine-tuning; {cure}") from error
    with whole(file) as temporary, quiet_start():
        simulation.plain.save(temporary)
    return {
        "epochs": chosen.epochs,
        "learning_rate": chosen.learning_rate,
        "teacher": taught_by.name,
        "loss": [round(float(one), 6) for one in history.history["loss"]],
        "seconds": round(time.monotonic() - begun, 3),
    }


def _simulated(student, images):
    try:
        return Simulation(student.model, images)
    except UserError:
        raise
    except Exception as error:
        # Keras has many layers, and its users more: what cannot be rebuilt must not cost the other files.
        reason = str(error).strip().splitlines()[0][:200]
        raise UserError(f"int8: {student.name} cannot be simulated: {reason}") from error
