"""The order of the stages: recipe, data, teacher, student, training, report, export. Each leaves its result in files,
so each can be killed and gone on with."""

import json
import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

import keras
import numpy as np
import yaml

import keras_kd
from keras_kd import backend, bench, data, models, report
from keras_kd.data.epochs import Epochs, Unchanged
from keras_kd.data.rendering import ViewRenderer
from keras_kd.data.views import VIEWS, epoch_order
from keras_kd.distiller import Distiller, Term
from keras_kd.errors import GateError, UserError
from keras_kd.export import export as export_files
from keras_kd.files import locked, whole
from keras_kd.history import TensorBoardLog, write_csv
from keras_kd.methods import METHODS
from keras_kd.models.load import import_module_of
from keras_kd.non_finite import StopOnNonFinite
from keras_kd.optimizers import SGD
from keras_kd.output_check import check_from_logits
from keras_kd.progress import TrainingProgress
from keras_kd.recipe import load
from keras_kd.resume import load_state, save_state
from keras_kd.schedule import learning_rate

# Above this the training images stay on the host and each batch is sent as pixels.
RESIDENT_BYTES = 2 * 2**30
INFERENCE_BATCH = 250


@dataclass(frozen=True)
class RunFolder:
    """The files of a run."""

    path: Path

    recipe = property(lambda self: self.path / "recipe.yaml")
    student = property(lambda self: self.path / "student.keras")
    state = property(lambda self: self.path / "training_state.npz")
    history = property(lambda self: self.path / "history.csv")
    tensorboard = property(lambda self: self.path / "tensorboard")
    report = property(lambda self: self.path / "report.json")


@dataclass(frozen=True)
class Network:
    """A network with what is known of it."""

    name: str
    model: keras.Model
    from_logits: bool
    source: dict | None = None  # of a teacher that is a run: its recipe, epochs, accuracy, seconds


def distill(recipe, folder, *, name, restart=False, smoke=False, quiet=False):
    """Runs a recipe to its end: teacher (trained first if its run is missing), student, report, exported files.

    The same call goes on with a run that was killed, and answers at once where the run is complete.

    Args:
        recipe: a `Recipe` of `keras_kd.recipe.load`.
        folder: the run folder; made if missing.
        name: of the recipe, for the report.
        restart: throws away what is in the folder.
        smoke: a teacher that is a recipe is shrunk as well.
        quiet: no progress.

    Returns:
        The report, as in `report.json`.

    Raises:
        UserError: what the user can cure.
        NonFiniteLoss: the loss became NaN or infinite.
        GateError: an exported file differs from the Keras model by more than its gate allows.
    """
    files = RunFolder(Path(folder))
    begun = time.monotonic()
    with locked(files.path):
        if restart:
            _empty(files.path)
        _same_recipe(files, recipe)
        dataset = load_data(recipe)
        teacher = load_teacher(recipe, dataset, files.path, smoke=smoke, quiet=quiet)
        _keep_recipe(files, recipe)
        if not files.student.exists():
            train(recipe, dataset, teacher, files, title=name, quiet=quiet)
        found = _read_report(files)
        if found is None:
            found = measure(recipe, dataset, teacher, files, name=name)
            found["smoke"] = smoke
            found["time"]["seconds"]["total"] = round(time.monotonic() - begun, 3)
            report.write(found, files.path)
        if "exports" not in found or _formats_of(found) != set(recipe.export.formats):
            found = hand_over(recipe, dataset, files, found, quiet=quiet)
        failed = [one for one in found["exports"] if not one["passed"]]
        if failed:
            raise GateError("\n".join(text for one in failed for text in one["failures"]), found["exports"])
        return found


def load_data(recipe):
    """The recipe's images and labels."""
    return data.load(**recipe.data.model_dump(exclude={"views"}))


def load_teacher(recipe, dataset, folder, *, smoke=False, quiet=False):
    """The teacher as a `Network`, or None. One that is a recipe is the student of its run, beside `folder`."""
    spec = recipe.teacher
    if spec is None:
        return None
    if not spec.model.endswith((".yaml", ".yml")):
        return build(spec, dataset, "teacher")
    taught = load(spec.model, smoke=smoke)
    run = RunFolder(Path(folder).parent / (Path(spec.model).stem + ("-smoke" if smoke else "")))
    if not (run.student.exists() and run.report.exists()):
        distill(taught, run.path, name=Path(spec.model).stem, smoke=smoke, quiet=quiet)
    found = json.loads(run.report.read_text(encoding="utf-8"))
    model = models.build(
        str(run.student), dataset.image_shape, dataset.classes, mean=dataset.mean, std=dataset.std, pixels="pixels"
    )
    used = load(run.recipe)
    source = {
        "run": os.path.relpath(run.path, folder),
        "epochs": found.get("epochs"),
        "seed": found.get("seed"),
        "top1": found["student"]["top1"],
        "seconds": found["time"]["seconds"]["total"],
        "differs_from_recipe": _differences(used, taught),
    }
    return Network(f"{Path(spec.model).stem} ({found['student']['name']})", model, used.student.from_logits, source)


def build(spec, dataset, role):
    """The network of a `ModelSpec` for a dataset, its logits checked."""
    model = models.build(
        spec.model,
        dataset.image_shape,
        dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        pixels=spec.pixels,
        from_logits=spec.from_logits,
        weights=spec.weights,
        arguments=spec.arguments,
    )
    check_from_logits(role, model, spec.from_logits)
    name = Path(spec.model).name if spec.model.endswith(".keras") else spec.model
    return Network(name, model, spec.from_logits)


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


def train(recipe, dataset, teacher, files, *, title, quiet=False):
    """Trains the student from where it stands, keeping the state after every epoch; leaves `student.keras`."""
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
    with whole(files.student) as temporary:
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


def measure(recipe, dataset, teacher, files, *, name):
    """The report of a trained student: accuracy, fidelity, calibration, cost, time, environment."""
    student = load_student(recipe, dataset, files)
    student_logits, _ = logits_of(student, dataset.test.images)
    teacher_logits, teacher_seconds = logits_of(teacher, dataset.test.images) if teacher else (None, 0.0)
    found = {"recipe": name, **report.summarize(student_logits, teacher_logits, dataset.test.labels)}
    found["student"]["name"] = student.name
    if teacher:
        found["teacher"].update(name=teacher.name, source=teacher.source)
    found["cost"] = cost(student.model)
    found["cost"]["file_bytes"] = files.student.stat().st_size
    found["teacher_cost"] = cost(teacher.model) if teacher else None
    rows = _read_history(files)
    trained = sum(float(row["seconds"]) for row in rows)
    images = len(dataset.train) * len(rows)
    taught = min(teacher_seconds * images, trained)
    found["time"] = {
        "seconds": {
            "teacher": round(taught, 3),
            "student": round(trained - taught, 3),
            "data": round(dataset.seconds, 3),
            "training": round(trained, 3),
            "teacher_run": teacher.source["seconds"] if teacher and teacher.source else None,
        },
        "how": "teacher: its measured seconds an image in inference, times the images of all epochs",
    }
    found["data"] = {
        "name": recipe.data.name,
        "fingerprint": dataset.fingerprint,
        "train": len(dataset.train),
        "validation": len(dataset.validation) if dataset.validation else 0,
        "test": len(dataset.test),
        "classes": dataset.classes,
    }
    found["environment"] = environment()
    found["seed"] = recipe.seed
    found["git_commit"] = git_commit()
    found["epochs"] = len(rows)
    found["settings"] = recipe.dump(files.path)
    return found


def load_student(recipe, dataset, files):
    """The trained student of a run."""
    if models.kind(recipe.student.model) == "function":
        import_module_of(recipe.student.model)
    model = models.build(str(files.student), dataset.image_shape, dataset.classes, pixels="pixels")
    name = recipe.student.model
    return Network(Path(name).name if name.endswith(".keras") else name, model, recipe.student.from_logits)


def cost(model):
    """Parameters, multiply-accumulates an image, bytes of the weights."""
    return {
        "parameters": bench.parameters(model),
        "macs": bench.macs(model),
        "bytes": bench.bytes_of_weights(model),
    }


def logits_of(network, images, batch_size=INFERENCE_BATCH):
    """(float32 logits (n, classes), seconds an image) of a network in inference mode.

    Args:
        network: a `Network`.
        images: uint8 (n, height, width, channels).
        batch_size: images at once.
    """
    run = backend.inference(network.model)
    parts, seconds, timed = [], 0.0, 0
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size]).astype("float32")
        missing = min(batch_size, len(images)) - len(batch)
        # A last batch of its own size would be compiled for itself.
        full = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), "float32")]) if missing else batch
        begun = time.monotonic()
        output = keras.ops.convert_to_numpy(keras.ops.cast(run(full), "float32"))
        if start:
            seconds, timed = seconds + time.monotonic() - begun, timed + len(full)
        parts.append(output[: len(batch)])
    if not timed:
        begun = time.monotonic()
        keras.ops.convert_to_numpy(run(full))
        seconds, timed = time.monotonic() - begun, len(full)
    output = np.concatenate(parts)
    if not network.from_logits:
        output = np.log(np.maximum(output, keras.config.epsilon() ** 2))
    return output, seconds / timed


def hand_over(recipe, dataset, files, found, *, quiet=False):
    """Exports `student.keras` and adds what the gates measured to the report; raises nothing for a failed gate."""
    chosen = recipe.export
    if chosen.formats:
        calibration = epoch_order(recipe.seed, 0, len(dataset.train))[: chosen.calibration_images]
        try:
            found["exports"] = export_files(
                files.student,
                files.path,
                formats=chosen.formats,
                calibration_images=np.asarray(dataset.train.images[np.sort(calibration)]),
                test_images=np.asarray(dataset.test.images),
                test_labels=dataset.test.labels,
                gates=chosen.gates.model_dump(),
                quiet=True,
            )
        except GateError as error:
            found["exports"] = error.exports
    else:
        found["exports"] = []
    report.write(found, files.path)
    return found


def environment():
    """Device and versions, for reports."""
    name, number = backend.version()
    return {
        "device": backend.device(),
        "cores": os.cpu_count(),
        "backend": name,
        name: number,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "keras_kd": keras_kd.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **({"ai_edge_litert": version_of("ai-edge-litert")} if _installed("ai-edge-litert") else {}),
    }


def _installed(name):
    try:
        return bool(version_of(name))
    except ModuleNotFoundError:
        return False


def git_commit():
    """The commit of the repository that this command is given in ("+" where files differ from it), or None."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "") if commit.returncode == 0 else None


def open_run(folder):
    """(recipe, RunFolder) of a finished run."""
    files = RunFolder(Path(folder))
    if not files.path.is_dir():
        raise UserError(f"{folder}: no such run folder; `keras-kd distill RECIPE` makes one under saved_models/")
    if not files.recipe.exists():
        raise UserError(f"{folder}: no run of keras-kd (it has no recipe.yaml)")
    if not files.student.exists():
        raise UserError(f"{folder}: its student is not trained to the end; `keras-kd distill` goes on with it")
    return load(files.recipe), files


def evaluate(folder):
    """Measures the student of a run again; returns the report and writes it."""
    recipe, files = open_run(folder)
    dataset = load_data(recipe)
    teacher = load_teacher(recipe, dataset, files.path)
    with locked(files.path):
        before = _read_report(files) or {}
        found = measure(recipe, dataset, teacher, files, name=before.get("recipe", files.path.name))
        for kept in ("exports", "smoke", "git_commit", "environment"):
            if kept in before:
                found[kept] = before[kept]
        found["time"] = before.get("time", found["time"])
        report.write(found, files.path)
    return found


def export(folder, *, formats=None, quiet=False):
    """Exports the student of a run again; returns the report.

    Args:
        folder: the run.
        formats: some of `keras_kd.export.FORMATS`; the recipe's by default.
        quiet: no progress.
    """
    recipe, files = open_run(folder)
    if formats:
        recipe = recipe.model_copy(update={"export": recipe.export.model_copy(update={"formats": tuple(formats)})})
    if models.kind(recipe.student.model) == "function":
        import_module_of(recipe.student.model)
    dataset = load_data(recipe)
    with locked(files.path):
        found = _read_report(files)
        if found is None:
            raise UserError(f"{folder}: has no report.json; `keras-kd evaluate {folder}` writes it")
        kept = [one for one in found.get("exports", []) if one["format"] not in recipe.export.formats]
        found = hand_over(recipe, dataset, files, found, quiet=quiet)
        found["exports"] = kept + found["exports"]
        report.write(found, files.path)
    failed = [one for one in found["exports"] if not one["passed"]]
    if failed:
        raise GateError("\n".join(text for one in failed for text in one["failures"]), found["exports"])
    return found


def _formats_of(found):
    return {one["format"] for one in found["exports"]}


def _read_report(files):
    if not files.report.exists():
        return None
    try:
        return json.loads(files.report.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _read_history(files):
    import csv

    with open(files.history, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _keep_recipe(files, recipe):
    with whole(files.recipe) as temporary:
        header = f"# Resolved by keras-kd {keras_kd.__version__}: every default filled, paths relative to this file.\n"
        body = yaml.safe_dump(recipe.dump(files.path), sort_keys=False, default_flow_style=None, width=100)
        temporary.write_text(header + body, encoding="utf-8")


def _same_recipe(files, recipe):
    """Refuses a folder that holds a run of another recipe; what is exported may change."""
    if not files.recipe.exists():
        return
    differences = _differences(load(files.recipe), recipe)
    if differences:
        shown = "; ".join(differences[:3]) + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")
        raise UserError(
            f"{files.path}: holds a run of other settings ({shown}); give another --out, or --restart to throw it away"
        )


def _differences(there, here):
    """["fit.epochs is 3 there, 240 here", ...] of two recipes, exports apart."""
    one, other = (_flat({k: v for k, v in recipe.dump().items() if k != "export"}) for recipe in (there, here))
    return [
        f"{key} is {one.get(key)} there, {other.get(key)} here"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]


def _flat(plain, prefix=""):
    if isinstance(plain, dict):
        items = plain.items()
    elif isinstance(plain, list) and plain and isinstance(plain[0], dict):
        items = enumerate(plain)
    else:
        return {prefix: plain}
    flat = {}
    for key, value in items:
        flat.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def _empty(folder):
    for entry in folder.iterdir():
        if entry.name == ".lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _room_for(files, model):
    """Refuses to begin where the run cannot be written: weights, momentum, the new state beside the old, exports."""
    need = 8 * bench.bytes_of_weights(model) + 10 * 2**20
    free = shutil.disk_usage(files.path).free
    if free < need:
        raise UserError(
            f"{files.path}: the run needs about {need / 2**20:.0f} MB and the disk has {free / 2**20:.0f} MB free; "
            "free some space, or give another --out"
        )
