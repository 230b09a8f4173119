"""The order of the stages: recipe, data, teacher, student, training, report, export. Each leaves its result in files,
so each can be killed and gone on with."""

import csv
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

import keras_kd
from keras_kd import data, metrics, models, report
from keras_kd.bank.folder import is_bank
from keras_kd.banking import FOLDER
from keras_kd.by_epoch import ByEpoch
from keras_kd.data.views import epoch_order
from keras_kd.errors import GateError, UserError
from keras_kd.evidence import environment, git_commit, sha256
from keras_kd.export import CALIBRATED, FORMATS, missing_here
from keras_kd.export import export as export_files
from keras_kd.files import locked, whole
from keras_kd.generations import before as generation_before
from keras_kd.generations import generation_folder, home
from keras_kd.int8_fine_tuning import fine_tune
from keras_kd.measurement import by_split, control, properties, representation, sample
from keras_kd.model_card import card, example
from keras_kd.models.load import import_module_of
from keras_kd.networks import Network, cost, logits_of
from keras_kd.predictions_file import NAME as PREDICTIONS
from keras_kd.predictions_file import read_predictions, write_predictions
from keras_kd.recipe import load, load_teacher_recipe
from keras_kd.recipe_file import run_name, teacher_run_name
from keras_kd.rehearsal import about_data, rehearse
from keras_kd.report_page import page
from keras_kd.schema import EvidenceSpec, TeacherSpec
from keras_kd.teachers import assemble, held_out_alike
from keras_kd.training import train

# What a recipe says that changes nothing of one trained student.
AFTER_TRAINING = ("export", "search", "baseline", "evidence", "seeds")


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
    report_page = property(lambda self: self.path / "report.html")
    predictions = property(lambda self: self.path / PREDICTIONS)
    teacher = property(lambda self: self.path / "teacher.json")
    bank = property(lambda self: self.path / "bank.json")
    int8_student = property(lambda self: self.path / "student_int8.keras")
    best_validation = property(lambda self: self.path / "checkpoints" / "best_validation.keras")

    def checkpoint(self, epoch):
        """The student as it was after an epoch."""
        return self.path / "checkpoints" / f"epoch_{epoch:04d}.keras"


def distill(recipe, folder, *, name, restart=False, smoke=False, quiet=False, wait=False, wait_for_teacher=True):
    """Runs a recipe to its end: teacher (trained first if its run is missing), student, report, exported files.

    The same call goes on with a run that was killed, and answers at once where the run is complete.

    Args:
        recipe: a `Recipe` of `keras_kd.recipe.load`.
        folder: the run folder; made if missing.
        name: of the recipe, for the report.
        restart: throws away what is in the folder.
        smoke: a teacher that is a recipe is shrunk as well.
        quiet: no progress.
        wait: waits for another process that works in the folder, instead of refusing.
        wait_for_teacher: waits for another process that trains the teacher, instead of refusing.

    Returns:
        The report, as in `report.json`.

    Raises:
        Busy: another process works in the folder, or trains the teacher.
        UserError: what the user can cure.
        NonFiniteLoss: the loss became NaN or infinite.
        GateError: an exported file differs from the Keras model by more than its gate allows.
    """
    files = RunFolder(Path(folder))
    begun = time.monotonic()
    no_banks_here(files.path)
    with locked(files.path, wait=wait):
        if restart:
            empty(files.path)
        _same_recipe(files, recipe)
        if not files.student.exists() and must_train_first(recipe, files.path, smoke):
            # What does not fit is found before hours go into a teacher.
            rehearse(recipe, about_data(recipe), smoke)
        if recipe.generations > 1:
            _train_generation_before(recipe, files.path, name=name, smoke=smoke, quiet=quiet)
        dataset = load_data(recipe)
        teacher = load_teacher(recipe, dataset, files.path, smoke=smoke, quiet=quiet, wait=wait_for_teacher)
        if not files.student.exists():
            files.report.unlink(missing_ok=True)
            missing = missing_here(recipe.export.formats)
            if missing and not quiet:
                print(f"{name}: it will not be exported: {missing}", file=sys.stderr, flush=True)
            train(
                recipe,
                dataset,
                teacher,
                files,
                title=name,
                keep_recipe=lambda: _keep_recipe(files, recipe),
                quiet=quiet,
                keep_best=True,
            )
        else:
            # What comes after training may have changed: seeds, baseline, evidence, exports.
            _keep_recipe(files, recipe)
        found = _read_report(files)
        if found is not None and _evidence(found["settings"]) != _evidence(recipe.dump(files.path)):
            found = measured_again(recipe, dataset, teacher, files, found, may_train=True)
        if found is None:
            found = measure(recipe, dataset, teacher, files, name=name, smoke=smoke)
            found["smoke"] = smoke
            seconds = found["time"]["seconds"]
            # A run that was killed has trained for longer than this command has run.
            seconds["total"] = round(max(time.monotonic() - begun, seconds["training"] + seconds["data"]), 3)
            report.write(found, files.path)
        if "exports" not in found or found["settings"]["export"] != recipe.dump()["export"]:
            found = hand_over(recipe, dataset, files, found, teacher=lambda: teacher, quiet=quiet)
        failed = [one for one in found.get("exports", []) if not one["passed"]]
        if failed:
            raise GateError(_failures(failed), found["exports"])
        return found


def _evidence(settings):
    """What the settings of a run ask to be measured."""
    return settings.get("evidence", EvidenceSpec().model_dump(mode="json"))


def trial(recipe, dataset, teacher, folder, *, name, epochs=None, begin_from=None, home_folder=None):
    """Trains and measures a student on images that were set aside, for a search; nothing is exported.

    Args:
        recipe: a `Recipe`.
        dataset: its data, the validation split of which stands in for the test images, which are not looked at.
        teacher: its `Network`, or None.
        folder: of the trial.
        name: for the report.
        epochs: after which it stops; its schedules are those of all epochs.
        begin_from: folder of another trial, of the same settings, that stopped earlier: goes on from there.
        home_folder: a run folder beside which the banks lie; `folder` by default.

    Returns:
        The report.
    """
    files = RunFolder(Path(folder))
    seen = replace(dataset, test=dataset.validation)
    with locked(files.path, wait=True, tell=False):
        found = _read_report(files)
        if found is not None and files.student.exists():
            return found
        if begin_from is not None and not files.state.exists():
            before = RunFolder(Path(begin_from))
            for mine, other in ((files.state, before.state), (files.history, before.history)):
                with whole(mine) as temporary:
                    shutil.copyfile(other, temporary)
        train(
            recipe,
            seen,
            teacher,
            files,
            title=name,
            keep_recipe=lambda: _keep_recipe(files, recipe),
            quiet=True,
            until=epochs,
            home_folder=home_folder,
        )
        found = measure(recipe, seen, teacher, files, name=name, brief=True)
        found["history"] = {key: _number(value) for key, value in (_read_history(files) or [{}])[-1].items()}
        report.write(found, files.path)
    return found


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def load_data(recipe):
    """The recipe's images and labels."""
    return data.load(**recipe.data.model_dump(exclude={"views"}))


def load_teacher(recipe, dataset, folder, *, smoke=False, quiet=False, may_train=True, wait=True):
    """The teacher as a `Network`, or None. Those that are recipes are the students of their runs, beside `folder`.

    Args:
        recipe: a `Recipe`; of several generations, the student of the one before the last is the teacher.
        dataset: its data.
        folder: of the run.
        smoke: teachers that are recipes are shrunk as well.
        quiet: no progress.
        may_train: trains the teachers whose runs are missing, instead of refusing.
        wait: waits for another process that trains one, instead of refusing.
    """
    folder = Path(folder)
    if recipe.generations > 1:
        run = RunFolder(generation_folder(folder, recipe.generations - 1))
        if not run.student.exists() or _read_report(run) is None:
            raise UserError(f"{run.path}: the generation before is missing; `keras-kd distill` of the recipe makes it")
        return _student_of(run, run.student, f"generation {recipe.generations - 1}", dataset, folder)
    if recipe.teacher is None:
        return None
    return _network_of(
        recipe,
        recipe.teacher,
        dataset,
        folder,
        smoke=smoke,
        quiet=quiet,
        may_train=may_train,
        wait=wait,
        memory=RunFolder(folder).teacher,
    )


def load_independent_teacher(recipe, dataset, folder, *, smoke=False, quiet=False, may_train=True):
    """The network that fidelity is compared with, as a `Network`, or None; arguments as of `load_teacher`."""
    spec = recipe.evidence.independent_teacher
    if spec is None:
        return None
    spec = TeacherSpec(**spec.model_dump())
    return _network_of(recipe, spec, dataset, Path(folder), smoke=smoke, quiet=quiet, may_train=may_train)


def _network_of(recipe, teacher, dataset, folder, *, smoke, quiet, may_train, wait=True, memory=None):
    """The `Network` of a `TeacherSpec`; its recipes are trained where their runs are missing."""

    def of_recipe(spec, seen):
        taught, run = _taught(spec, folder, smoke)
        if teacher.is_fitted:
            held_out_alike(recipe.data, taught.data, spec.model)
        stem = teacher_run_name(Path(spec.model).stem, spec.settings)
        if not run.student.exists() or _read_report(run) is None:
            if not may_train:
                raise UserError(
                    f"{run.path}: the run of the teacher is not there; `keras-kd distill` of the recipe makes it"
                )
            distill(taught, run.path, name=stem, smoke=smoke, quiet=quiet, wait=wait, wait_for_teacher=wait)
        file, name = run.student, run.path.name.removesuffix("-smoke")
        if spec.epoch not in (None, _read_report(run).get("epochs")):
            file, name = run.checkpoint(spec.epoch), f"{name} epoch {spec.epoch}"
        if not file.exists():
            seed = "" if spec.seed is None else f" --seed {spec.seed}"
            raise UserError(
                f"{file}: the finished run kept no epoch {spec.epoch}; "
                f"`keras-kd distill {spec.model}{seed} --restart` trains it again and keeps it"
            )
        return _student_of(run, file, name, seen, folder, taught)

    return assemble(teacher, dataset, of_recipe, memory)


def _taught(spec, folder, smoke):
    """(Recipe, RunFolder) of a teacher that is a recipe."""
    taught = load_teacher_recipe(spec, smoke)
    own_seed = load_teacher_recipe(spec.model_copy(update={"seed": None}), smoke).seed
    name = teacher_run_name(Path(spec.model).stem, spec.settings)
    return taught, RunFolder(home(folder) / run_name(name, taught.seed, own_seed, smoke))


def _student_of(run, file, name, seen, folder, taught=None):
    """The student of a finished run as a teacher; `file` is it, or one of its checkpoints."""
    found, used = _read_report(run), load(run.recipe, notes=[])
    if models.kind(used.student.model) == "function":
        import_module_of(used.student.model)
    model = models.build(str(file), seen.image_shape, seen.classes, pixels="pixels")
    last = file == run.student
    source = {
        "run": os.path.relpath(run.path, folder),
        "file": os.path.relpath(file, run.path),
        "sha256": sha256(file),
        "epoch": found.get("epochs") if last else int(file.stem.removeprefix("epoch_")),
        "epochs": found.get("epochs"),
        "seed": found.get("seed"),
        "top1": found["student"]["top1"] if last else None,
        "seconds": found["time"]["seconds"]["total"],
        "differs_from_recipe": _differences(used, taught) if taught else [],
    }
    return Network(f"{name} ({found['student']['name']})", model, used.student.from_logits, source)


def must_train_first(recipe, folder, smoke):
    """Whether the run of a teacher or of a generation is missing."""
    runs = []
    if recipe.generations > 1:
        runs.append(RunFolder(generation_folder(folder, 1)))
    if recipe.teacher is not None:
        runs += [_taught(spec, folder, smoke)[1] for spec in recipe.teacher.members if spec.is_recipe]
    return any(not run.student.exists() for run in runs)


def _train_generation_before(recipe, folder, *, name, smoke, quiet):
    """Runs the generation before the last, which runs those before it, unless it is there."""
    number = recipe.generations - 1
    run = RunFolder(generation_folder(folder, number))
    if not run.student.exists() or _read_report(run) is None:
        one = generation_before(recipe)
        distill(one, run.path, name=f"{name}, generation {number}", smoke=smoke, quiet=quiet, wait=True)


def _generations(recipe, folder, found):
    """The figures of every generation, the last one's those of the report that is being made."""
    rows = []
    for number in range(1, recipe.generations + 1):
        run = RunFolder(generation_folder(folder, number))
        one = found if number == recipe.generations else _read_report(run) or {}
        student, fidelity, calibration = (one.get(key) or {} for key in ("student", "fidelity", "calibration"))
        rows.append(
            {
                "generation": number,
                "run": "." if number == recipe.generations else os.path.relpath(run.path, folder),
                "seed": recipe.seed if number == recipe.generations else one.get("seed"),
                "top1": student.get("top1"),
                "top5": student.get("top5"),
                "agreement": fidelity.get("agreement"),
                "ece": calibration.get("ece"),
                "nll": calibration.get("nll"),
                "seconds": one.get("time", {}).get("seconds", {}).get("training"),
            }
        )
    return rows


def measure(recipe, dataset, teacher, files, *, name, brief=False, smoke=False, may_train=True):
    """The report of a trained student: accuracy, fidelity, calibration, cost, time, environment.

    Args:
        recipe, dataset, teacher, files: as above.
        name: of the recipe.
        brief: leaves out what the recipe's `evidence` asks for, and what needs other images than the test images.
        smoke, may_train: of the independent teacher, as in `load_teacher`.
    """
    student = load_student(recipe, dataset, files)
    student_logits, _ = logits_of(student, dataset.test.images)
    teacher_logits, teacher_seconds = logits_of(teacher, dataset.test.images) if teacher else (None, 0.0)
    # A teacher of other classes can be compared with nothing here.
    comparable = teacher is not None and teacher_logits.shape[1] == dataset.classes
    compared = teacher_logits if comparable else None
    aside = None if brief else dataset.validation
    held_out = (logits_of(student, aside.images)[0], aside.labels) if aside else None
    found = {"recipe": name, **report.summarize(student_logits, compared, dataset.test.labels, held_out=held_out)}
    spec = recipe.evidence
    if not brief:
        write_predictions(files.predictions, student_logits, compared, dataset.test.labels, dataset.test.images)
        found["splits"] = by_split(
            student,
            teacher if comparable else None,
            dataset,
            (student_logits, compared),
            spec.train_images,
            share=_share_of_distillation(recipe),
        )
    if comparable and not brief:
        independent = load_independent_teacher(
            recipe, dataset, files.path, smoke=smoke, quiet=True, may_train=may_train
        )
        if independent is not None:
            found["fidelity"]["control"] = control(student_logits, teacher_logits, independent, dataset)
        if spec.representation:
            images = dataset.test.images[sample(len(dataset.test), spec.images)]
            found["representation"] = representation(student, teacher, images)
    if not brief:
        networks = {"student": student, **({"teacher": teacher} if comparable else {})}
        found["properties"] = properties(networks, dataset, recipe.evidence)
        found["best_validation"] = _best_validation(student, dataset, files)
        if dataset.imbalance is not None:
            found["imbalance"] = metrics.groups(dataset.imbalance["counts"], found["per_class"])
    found["student"]["name"], found["class_names"] = student.name, list(dataset.class_names)
    if teacher:
        scores = found["teacher"] or {"top1": None, "top5": None}
        found["teacher"] = {**scores, "name": teacher.name, "source": teacher.source}
    found["cost"] = cost(student.model)
    found["cost"]["file_bytes"] = files.student.stat().st_size
    found["teacher_cost"] = cost(teacher.model) if teacher else None
    rows = _read_history(files)
    trained = sum(float(row["seconds"]) for row in rows)
    images = len(dataset.train) * len(rows)
    banked = all("teacher_seconds" in row for row in rows) and bool(rows)
    taught = sum(float(row["teacher_seconds"]) for row in rows) if banked else min(teacher_seconds * images, trained)
    found["time"] = {
        "seconds": {
            "teacher": round(taught, 3),
            "student": round(trained - taught, 3),
            "data": round(dataset.seconds, 3),
            "training": round(trained, 3),
            "teacher_run": teacher.source.get("seconds") if teacher and teacher.source else None,
        },
        "how": "teacher: the seconds in which the bank was filled"
        if banked
        else "teacher: its measured seconds an image in inference, times the images of all epochs",
    }
    found["bank"] = _bank_of_a_run(files, rows) if banked else None
    found["data"] = {
        "name": recipe.data.name,
        "fingerprint": dataset.fingerprint,
        "train": len(dataset.train),
        "validation": len(dataset.validation) if dataset.validation else 0,
        "test": len(dataset.test),
        "classes": dataset.classes,
        **({"label_noise": dataset.label_noise} if dataset.label_noise else {}),
        **({"imbalance": dataset.imbalance} if dataset.imbalance else {}),
    }
    if teacher and teacher.source:
        found["notes"] = [
            f"The teacher's run is not its recipe's: {one}." for one in teacher.source.get("differs_from_recipe", [])
        ]
    if recipe.generations > 1:
        found["generations"] = _generations(recipe, files.path, found)
    found["environment"] = environment()
    found["seed"] = recipe.seed
    found["git_commit"] = git_commit()
    found["epochs"] = len(rows)
    found["settings"] = recipe.dump(files.path)
    return found


def _share_of_distillation(recipe):
    """The share of a recipe's loss that comes from its terms; what changes by epoch as it is at the end."""
    label, *terms = (
        weight.end if isinstance(weight, ByEpoch) else weight
        for weight in (recipe.label_weight, *(term.weight for term in recipe.terms))
    )
    return sum(terms) / (label + sum(terms)) if label + sum(terms) else 0.0


def _best_validation(student, dataset, files):
    """The student of the epoch that was best on the validation images, on the test images; or None."""
    rows = [row for row in _read_history(files) if _is_number(row.get("val_accuracy"))]
    if not rows or not files.best_validation.exists():
        return None
    model = models.build(str(files.best_validation), dataset.image_shape, dataset.classes, pixels="pixels")
    logits, _ = logits_of(replace(student, model=model), dataset.test.images)
    best = max(rows, key=lambda row: float(row["val_accuracy"]))
    return {
        "epoch": int(best["epoch"]),
        "val_accuracy": float(best["val_accuracy"]),
        "top1": report.accuracy(logits, dataset.test.labels),
    }


def load_student(recipe, dataset, files):
    """The trained student of a run."""
    if models.kind(recipe.student.model) == "function":
        import_module_of(recipe.student.model)
    model = models.build(str(files.student), dataset.image_shape, dataset.classes, pixels="pixels")
    name = recipe.student.model
    return Network(Path(name).name if name.endswith(".keras") else name, model, recipe.student.from_logits)


def hand_over(recipe, dataset, files, found, *, teacher, formats=None, quiet=False):
    """Exports `student.keras` and adds what the gates measured to the report; raises nothing for a failed gate.

    A student whose files of full int8 fail their gate is trained for int8, and they are made again. Where a package is
    missing the report says so, and has no exports.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        files: the `RunFolder`.
        found: the report.
        teacher: a function that gives the teacher's `Network`, or None.
        formats: those that are made; the recipe's by default. What the report says of others stays.
        quiet: no progress.
    """
    chosen = recipe.export
    formats = chosen.formats if formats is None else tuple(formats)
    missing = missing_here(formats)
    if missing:
        # Training on a machine with JAX alone and exporting on another is a way of work, not a failure.
        found["export_note"] = missing
        report.write(found, files.path)
        write_card(files.path, found, dataset.image_shape)
        return found
    found.pop("export_note", None)
    rows = {one["format"]: one for one in found.get("exports", []) if one["format"] not in formats}
    # Until all is done the report names only what stays, and no settings: a run that is killed here is exported again.
    found["exports"], found["settings"]["export"] = list(rows.values()), None
    report.write(found, files.path)
    _keep_recipe(files, recipe)
    picked = np.sort(epoch_order(recipe.seed, 0, len(dataset.train))[: chosen.calibration_images])
    calibration_images = np.asarray(dataset.train.images[picked])

    def exported(formats, int8_student=None):
        if not formats:
            return {}
        try:
            made = export_files(
                files.student,
                files.path,
                formats=formats,
                inputs=chosen.inputs,
                outputs=chosen.outputs,
                from_logits=recipe.student.from_logits,
                calibration_images=calibration_images,
                test_images=np.asarray(dataset.test.images),
                test_labels=dataset.test.labels,
                gates=chosen.gates.model_dump(),
                int8_student=int8_student,
                quiet=True,
            )
        except GateError as error:
            made = error.exports
        return {one["format"]: one for one in made}

    rows |= exported(formats)
    lossy = [name for name in formats if _lost_in_int8(rows[name])]
    if lossy and chosen.int8_fine_tuning.epochs:
        # A file that is made of an earlier copy is made anew, as that copy goes.
        lossy += [name for name, one in rows.items() if name not in lossy and _is_tuned(one, files)]
        before = {name: {key: rows[name][key] for key in ("accuracy", "accuracy_drop", "agreement")} for name in lossy}
        try:
            tuned = fine_tune(
                recipe,
                dataset,
                teacher(),
                load_student(recipe, dataset, files),
                calibration_images,
                files.int8_student,
                run_folder=files.path,
                title=found["recipe"],
                quiet=quiet,
            )
        except UserError as error:
            for name in lossy:
                rows[name]["failures"] += [f"it was not trained for int8: {error}"] * (not rows[name]["passed"])
        else:
            rows |= exported(lossy, files.int8_student)
            for name in lossy:
                if not rows[name]["passed"]:
                    rows[name]["failures"].append(
                        f"{chosen.int8_fine_tuning.epochs} epochs of int8 fine-tuning are in it"
                    )
            found["int8_fine_tuning"] = {**tuned, "before": before}
    if not any(one["passed"] and _is_tuned(one, files) for one in rows.values()):
        files.int8_student.unlink(missing_ok=True)
        found.pop("int8_fine_tuning", None)
    found["exports"] = [rows[name] for name in FORMATS if name in rows]
    # Where a format of the recipe was never made, `distill` still has to make it.
    found["settings"]["export"] = recipe.dump()["export"] if set(chosen.formats) <= rows.keys() else None
    calibrated = {"seed": recipe.seed, "positions": picked.tolist()}
    found["calibration_images"] = calibrated if found["exports"] else None
    report.write(found, files.path)
    write_card(files.path, found, dataset.image_shape)
    return found


def _is_tuned(one, files):
    """Whether an exported file is made of the student that was trained for int8."""
    return one.get("made_of") == files.int8_student.name


def _lost_in_int8(one):
    """Whether a file of full int8 was made and loses more than its gate allows."""
    return one["format"] in CALIBRATED and not one["passed"] and one["accuracy"] is not None


def write_card(folder, found, image_shape):
    """Writes `model_card.md`, and `example/run.py` where a LiteRT file was handed over.

    Args:
        folder: of the run.
        found: its report.
        image_shape: (height, width, channels).
    """
    folder = Path(folder)
    bench = _read_json(folder / "bench.json")
    with whole(folder / "model_card.md") as temporary:
        temporary.write_text(card(found, image_shape, bench), encoding="utf-8")
    text = example(found, image_shape)
    if text is None:
        return
    with whole(folder / "example" / "run.py") as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep_bench(folder, rows):
    """Keeps what `keras-kd bench` measured of a run's files in it, and in its model card.

    Args:
        folder: of the run.
        rows: of `keras_kd.latency.measure`.
    """
    files = RunFolder(Path(folder))
    with whole(files.path / "bench.json") as temporary:
        temporary.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    found, shapes = _read_report(files), [tuple(row["image_shape"]) for row in rows]
    if found is not None and shapes:
        write_card(files.path, found, shapes[0])


def open_run(folder):
    """(recipe, RunFolder) of a finished run."""
    files = RunFolder(Path(folder))
    if not files.path.is_dir():
        raise UserError(f"{folder}: no such run folder; `keras-kd distill RECIPE` makes one under saved_models/")
    if not files.recipe.exists():
        raise UserError(f"{folder}: no run of keras-kd (it has no recipe.yaml)")
    if not files.student.exists():
        raise UserError(f"{folder}: its student is not trained to the end; `keras-kd distill` goes on with it")
    return load(files.recipe, notes=[]), files


def evaluate(folder):
    """Measures the student of a run again; returns the report and writes it."""
    recipe, files = open_run(folder)
    dataset = load_data(recipe)
    before = _read_report(files) or {}
    teacher = load_teacher(recipe, dataset, files.path, smoke=before.get("smoke", False), may_train=False)
    with locked(files.path):
        found = measured_again(recipe, dataset, teacher, files, before)
    write_page(folder)
    return found


# Of a report what measuring again does not change.
KEPT = (
    "exports", "export_note", "int8_fine_tuning", "calibration_images", "smoke", "git_commit", "environment", "verdict",
    "doctor"
)  # fmt: skip


def measured_again(recipe, dataset, teacher, files, before, may_train=False):
    """Measures the student of a finished run again, and writes the report; arguments as of `measure`.

    Args:
        before: the report as it was.
        may_train: trains an independent teacher whose run is missing, instead of refusing.
    """
    smoke = before.get("smoke", False)
    found = measure(
        recipe, dataset, teacher, files, name=before.get("recipe", files.path.name), smoke=smoke, may_train=may_train
    )
    found.update({kept: before[kept] for kept in KEPT if kept in before})
    found["time"] = before.get("time", found["time"])
    # An export that was killed is to be made again.
    found["settings"]["export"] = before.get("settings", {}).get("export", found["settings"]["export"])
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
    formats = tuple(formats or recipe.export.formats)
    if models.kind(recipe.student.model) == "function":
        import_module_of(recipe.student.model)
    missing = missing_here(formats)
    if missing:
        raise UserError(f"export: {missing}")
    dataset = load_data(recipe)
    with locked(files.path):
        found = _read_report(files)
        if found is None:
            raise UserError(f"{folder}: has no report.json; `keras-kd evaluate {folder}` writes it")

        def teacher():
            try:
                return load_teacher(recipe, dataset, files.path, smoke=found.get("smoke", False), may_train=False)
            except UserError:
                return None  # of a run that was moved: the student in float32 teaches its copy

        found = hand_over(recipe, dataset, files, found, teacher=teacher, formats=formats, quiet=quiet)
    write_page(folder)
    failed = [one for one in found["exports"] if not one["passed"]]
    if failed:
        raise GateError(_failures(failed), found["exports"])
    return found


def _failures(failed):
    return "\n".join(f"{one['file']}: {text}" for one in failed for text in one["failures"])


def write_page(folder):
    """Writes `report.html` of a finished run, of what its files say.

    Args:
        folder: of the run.

    Returns:
        The path of the page.

    Raises:
        UserError: there is no finished run in the folder.
    """
    files = RunFolder(Path(folder))
    found = _read_report(files)
    if found is None:
        raise UserError(f"{folder}: no finished run (no report.json that can be read); `keras-kd distill` makes one")
    recipe = files.recipe.read_text(encoding="utf-8") if files.recipe.exists() else ""
    text = page(found, _read_history(files), read_predictions(files.predictions), recipe)
    with whole(files.report_page) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return files.report_page


def read_report(folder):
    """The report of a finished run in a folder, or None."""
    return _read_report(RunFolder(Path(folder)))


def _read_report(files):
    """The report of a run, or None where there is none that can be read: it is then measured again."""
    try:
        found = json.loads(files.report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"student", "time", "settings"} <= set(found) else None


def _read_history(files):
    """The epochs' figures, as far as they can be read."""
    try:
        with open(files.history, newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if _is_number(row.get("seconds"))]
    except (OSError, ValueError, csv.Error):
        return []


def _is_number(text):
    try:
        return float(text) >= 0
    except (TypeError, ValueError):
        return False


def _bank_of_a_run(files, rows):
    """The bank that a run looked its teacher up in, and how many views it asked the teacher about."""
    about = json.loads(files.bank.read_text(encoding="utf-8")) if files.bank.exists() else {}
    return {**about, "computed_by_this_run": sum(int(float(row["teacher_views"])) for row in rows)}


def _keep_recipe(files, recipe):
    with whole(files.recipe) as temporary:
        header = f"# Resolved by keras-kd {keras_kd.__version__}: every default filled, paths relative to this file.\n"
        body = yaml.safe_dump(recipe.dump(files.path), sort_keys=False, default_flow_style=None, width=100)
        temporary.write_text(header + body, encoding="utf-8")


def _same_recipe(files, recipe):
    """Refuses a folder that holds a run of another recipe; what is exported may change."""
    if not files.recipe.exists() or not (files.student.exists() or files.state.exists()):
        return
    differences = _differences(load(files.recipe, notes=[]), recipe)
    if differences:
        shown = "; ".join(differences[:3]) + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")
        raise UserError(
            f"{files.path}: holds a run of other settings ({shown}); give another --out, or --restart to throw it away"
        )


def _differences(there, here):
    """["fit.epochs is 3 there, 240 here", ...] of two recipes, exports apart."""
    one, other = (_flat(of_training(recipe)) for recipe in (there, here))
    return [
        f"{key} is {one.get(key)} there, {other.get(key)} here"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]


def of_training(recipe):
    """A recipe without what does not change its student: what comes after training, when a bank is filled."""
    plain = {key: value for key, value in recipe.dump().items() if key not in AFTER_TRAINING}
    plain["bank"] = {**plain["bank"], "mode": "live" if recipe.bank.mode == "live" else "not live"}
    return plain


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


def no_banks_here(folder):
    """Refuses to run where banks lie: `--restart` would throw them away."""
    for place in (Path(folder), Path(folder).absolute().parent):
        if place.name == FOLDER and (place == Path(folder) or any(map(is_bank, place.glob("*")))):
            raise UserError(f"{folder}: {place} is where banks lie; give another --out, or the recipe another name")


def empty(folder):
    """Throws away what is in a run folder, or in that of a search, but for its lock.

    Args:
        folder: which is locked.
    """
    for entry in folder.iterdir():
        if entry.name == ".lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
