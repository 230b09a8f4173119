"""Training a student for int8: its quantisation simulated, its teacher's bank as the target."""

import time

import keras

from keras_kd import backend
from keras_kd.export.formats import spanning
from keras_kd.export.int8_simulation import Simulation
from keras_kd.methods.kd import KD
from keras_kd.recipe.schema import TermSpec
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.training.distiller import Distiller
from keras_kd.training.term import Term
from keras_kd.utils.errors import NonFiniteLoss, UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.quiet import quiet_start
from keras_kd.workflows.run.choose_bank import bank_of
from keras_kd.workflows.run.feed import epochs_of, renderer_of

LABEL_WEIGHT = 0.1


def fine_tune(context, teacher, student, calibration_images):
    """Trains a copy of a student in simulated int8 and saves it, without its batch normalisation, in float32.

    The loss is 0.1 of the label loss and 0.9 of KD at the temperature of the recipe's KD term, or 4. Each epoch begins
    with ranges that are measured anew on the calibration images, as the converter will measure them.

    Args:
        context: the `RunContext`; its recipe's views, seed, bank and `export.int8_fine_tuning` are used, and the
            trained copy becomes the `int8_student` of its folder, a `.keras` file of Keras's own layers.
        teacher: its `Network`, or None; without one, or with one of other classes, the student in float32 teaches.
        student: its trained `Network`, which stays as it is.
        calibration_images: uint8, (n, height, width, channels).

    Returns:
        {"epochs", "learning_rate", "teacher", "loss", "seconds"}.

    Raises:
        UserError: the student cannot be simulated in int8, or the loss became NaN or infinite.
    """
    begun, chosen = time.monotonic(), context.recipe.export.int8_fine_tuning
    calibration_images = spanning(calibration_images)
    simulation = _simulated(student, calibration_images)
    if simulation.not_followed:
        named = ", ".join(f"{name!r} ({kind})" for name, kind in simulation.not_followed)
        context.log(f"int8 fine-tuning: computed in float32 inside, where the file is in int8: {named}")
    if teacher is not None and teacher.model.output_shape[-1] != context.dataset.classes:
        teacher = None
    distiller, epochs = _student_and_epochs(context, simulation, teacher, student)
    # At a learning rate that stays, the last values of kernels flip between two of the 255.
    rate = keras.optimizers.schedules.CosineDecay(chosen.learning_rate, chosen.epochs * len(epochs))
    distiller.compile(optimizer=keras.optimizers.Adam(rate), metrics=["accuracy"])

    def tell_epoch(epoch, logs):
        context.log(f"int8 fine-tuning, epoch {epoch + 1} of {chosen.epochs}: loss {logs['loss']:.4f}")

    backend.set_seed(context.recipe.seed)
    again = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: simulation.calibrate(calibration_images), on_epoch_end=tell_epoch
    )
    try:
        history = distiller.fit(
            epochs, epochs=chosen.epochs, shuffle=False, verbose=0, callbacks=[StopOnNonFinite(), again]
        )
    except NonFiniteLoss as error:
        fix = "lower export.int8_fine_tuning.learning_rate"
        raise UserError(f"{str(error).split(';')[0]} of int8 fine-tuning; {fix}") from error
    with atomic_write(context.files.int8_student) as temporary, quiet_start():
        simulation.plain.save(temporary)
    return {
        "epochs": chosen.epochs,
        "learning_rate": chosen.learning_rate,
        "teacher": (teacher or student).name,
        "loss": [round(float(one), 6) for one in history.history["loss"]],
        "seconds": round(time.monotonic() - begun, 3),
    }


def _student_and_epochs(context, simulation, teacher, student):
    """The `Distiller` of the simulated student and what it is fed; a teacher speaks through its bank."""
    recipe, dataset = context.recipe, context.dataset
    temperature = next((term.settings.get("temperature", 4.0) for term in recipe.terms if term.method == "kd"), 4.0)
    renderer, bank, taught_by = renderer_of(recipe, dataset), None, teacher or student
    if teacher is not None:
        kd = recipe.model_copy(update={"terms": (TermSpec(method="kd", settings={"temperature": temperature}),)})
        bank = bank_of(kd, dataset, teacher, context.files.path, renderer)
    distiller = Distiller(
        simulation.network,
        taught_by.model,
        [Term(KD(temperature=temperature), 1 - LABEL_WEIGHT)],
        label_weight=LABEL_WEIGHT,
        from_logits={"student": student.from_logits, "teacher": taught_by.from_logits},
        views=renderer,
        banked=bank is not None,
    )
    return distiller, epochs_of(recipe, dataset, renderer, bank, teacher=taught_by)


def _simulated(student, images):
    try:
        return Simulation(student.model, images)
    except UserError:
        raise
    except Exception as error:
        # Keras has many layers, and its users more: what cannot be rebuilt must not cost the other files.
        reason = str(error).strip().splitlines()[0][:200]
        raise UserError(f"int8: {student.name} cannot be simulated: {reason}") from error
