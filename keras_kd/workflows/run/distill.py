"""The order of the stages: recipe, data, teacher, student, training, report, export. Each leaves its result in files,
so each can be killed and gone on with."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

from keras_kd import data, models
from keras_kd.evaluation.predictions_file import read_predictions
from keras_kd.export.formats import missing_here
from keras_kd.models.load import import_module_of
from keras_kd.models.network import Network
from keras_kd.recipe.files import teacher_run_name
from keras_kd.recipe.load import load
from keras_kd.recipe.schema import EvidenceSpec
from keras_kd.recipe.schema_networks import TeacherSpec
from keras_kd.report import write as report
from keras_kd.report.html import page
from keras_kd.report.soundness import PUT_BACK, refuse_changed, refuse_lost
from keras_kd.utils.account import verified
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.files import sha256, whole
from keras_kd.utils.ownership import within
from keras_kd.utils.screen import print_note
from keras_kd.workflows.run.context import RunContext
from keras_kd.workflows.run.deliver import hand_over, write_card
from keras_kd.workflows.run.dry_run import about_data, rehearse
from keras_kd.workflows.run.folder import (
    RunFolder,
    differences,
    hold_run,
    is_run,
    is_whole,
    keep_recipe,
    mend,
    no_banks_here,
    read_history,
    read_report,
    same_inputs,
    same_recipe,
)
from keras_kd.workflows.run.generations import before as generation_before
from keras_kd.workflows.run.generations import generation_folder
from keras_kd.workflows.run.inputs import IMAGES, independent_digest, inputs_of, same_teachers, teacher_run
from keras_kd.workflows.run.measure import measure
from keras_kd.workflows.run.teachers import assemble, held_out_alike, saw_held_out
from keras_kd.workflows.run.train import train


def distill(recipe, folder, *, name, restart=False, smoke=False, quiet=False, wait=False, wait_for_teacher=True):
    """Runs a recipe to its end: teacher (trained first if its run is missing), student, report, exported files.

    The same call goes on with a run that was killed, and answers at once where the run is complete.

    Args:
        recipe: a `Recipe` of `keras_kd.recipe.load.load`.
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
        NonFiniteLoss: the loss, or what is trained, became NaN or infinite.
        GateError: an exported file differs from the Keras model by more than its gate allows.
    """
    files = RunFolder(Path(folder))
    begun = time.monotonic()
    no_banks_here(files.path)
    with hold_run(files, recipe, wait=wait, restart=restart) as owned:
        job = _Job(recipe, files, owned, name, restart, smoke, quiet)
        job.check()
        dataset = load_data(recipe)
        if not restart:
            same_inputs(owned, inputs_of(recipe, files.path, smoke, dataset))
        found = None if job.begins else job.complete()
        if found is None:
            found = job.run(dataset, wait_for_teacher, begun)
        else:
            # What comes after training may have changed: seeds, baseline.
            keep_recipe(files, recipe)
        failed = [one for one in found.get("exports", []) if not one["passed"]]
        if failed:
            raise GateError(_failures(failed), found["exports"])
        return found


class _Job:
    """One run of a recipe: what is checked before, and its stages; arguments as of `distill`.

    Args:
        files: the `RunFolder`.
        owned: as which it is held.
    """

    def __init__(self, recipe, files, owned, name, restart, smoke, quiet):
        self.recipe, self.files, self.owned, self.name = recipe, files, owned, name
        self.restart, self.smoke, self.quiet = restart, smoke, quiet
        self.begins = restart or not files.student.exists()

    def check(self):
        """All that can be seen to be wrong before data are read, anything is trained or anything is thrown away."""
        recipe, files, owned = self.recipe, self.files, self.owned
        if not self.restart:
            same_recipe(files, recipe)
        if not self.begins:
            mend(files, owned)
        same_teachers(recipe, files.path, self.smoke)
        if not self.restart:
            found = read_report(files.path)
            if owned.kept("inputs") is None and found is not None:
                # Of a run of an earlier version that much is known.
                owned.keep("inputs", {IMAGES: found["data"]["fingerprint"]})
            same_inputs(owned, inputs_of(recipe, files.path, self.smoke))
        if self.restart or (self.begins and must_train_first(recipe, files.path, self.smoke)):
            rehearse(recipe, about_data(recipe), self.smoke)

    def complete(self):
        """The report of a finished run of which nothing is missing, or None."""
        files, found = self.files, read_report(self.files.path)
        if found is None or self._to_be_measured(found) or self._to_be_exported(found):
            return None
        written = [files.text, files.card, *([files.example] if "example" in _handed_over(found) else [])]
        if files.state.exists() or files.filling.exists() or not all(file.exists() for file in written):
            return None
        return found

    def _to_be_measured(self, found):
        """Whether the recipe asks for other evidence than a report has, or of another network."""
        recipe = self.recipe
        independent = independent_digest(recipe, self.files.path, self.smoke)
        same = independent is None or self.owned.kept("independent") in (None, independent)
        asked = _evidence(found["settings"]) != _evidence(recipe.dump(self.files.path))
        return asked or not same or not self.files.predictions.exists()

    def _to_be_exported(self, found):
        """Whether a file is to be made: for other settings, after a kill, or since it is gone."""
        if "exports" not in found or found["settings"]["export"] != self.recipe.dump()["export"]:
            return "export_note" not in found or missing_here(self.recipe.export.formats) is None
        made = found["exports"]
        gone = any(one["passed"] and not (self.files.path / one["file"]).exists() for one in made)
        return gone or any(one.get("circumstance") for one in made)

    def run(self, dataset, wait_for_teacher, begun):
        """The stages that are missing, in their order; returns the report."""
        recipe, files = self.recipe, self.files
        if recipe.generations > 1:
            with within(self.owned):
                self._train_generation_before()
        teacher = load_teacher(recipe, dataset, files.path, smoke=self.smoke, quiet=self.quiet, wait=wait_for_teacher)
        if self.begins:
            self._train(dataset, teacher)
        else:
            keep_recipe(files, recipe)
        for file in (files.state, files.filling):
            self.owned.remove(file)
        found = read_report(files.path)
        if found is None:
            found = self._measured(dataset, teacher, begun)
        elif self._to_be_measured(found):
            found = measured_again(recipe, dataset, teacher, files, found, may_train=True)
        now = inputs_of(recipe, files.path, self.smoke, dataset)
        self.owned.keep("inputs", {**now, **(self.owned.kept("inputs") or {})})
        self.owned.keep("independent", independent_digest(recipe, files.path, self.smoke))
        if read_history(files):
            made = [file for file in (files.history, files.bank) if file.exists()]
            self.owned.keep("texts", {file.name: file.read_bytes().decode("utf-8") for file in made})
        if not files.text.exists():
            report.write(found, files.path)
        if self._to_be_exported(found):
            found = hand_over(self._context(dataset), found, owned=self.owned, teacher=lambda: teacher)
        else:
            write_card(files.path, found, dataset.image_shape)
        return found

    def _train_generation_before(self):
        """Runs the generation before the last, which runs those before it, unless it is there."""
        number = self.recipe.generations - 1
        run = RunFolder(generation_folder(self.files.path, number))
        if self.restart or not is_whole(run):
            distill(
                generation_before(self.recipe),
                run.path,
                name=f"{self.name}, generation {number}",
                restart=self.restart and is_run(run.path),
                smoke=self.smoke,
                quiet=self.quiet,
                wait=True,
            )

    def _train(self, dataset, teacher):
        missing = missing_here(self.recipe.export.formats)
        if missing and not self.quiet:
            print_note(f"{self.name}: it will not be exported: {missing}")
        context = self._context(dataset)
        train(context, teacher, begin=lambda: self._begin(dataset), keep_best=True, anew=self.restart)

    def _context(self, dataset):
        return RunContext(self.recipe, dataset, self.files, self.name, self.quiet)

    def _begin(self, dataset):
        """Everything is built and fits: now what was there goes, if it is to, and the recipe is kept."""
        files, owned = self.files, self.owned
        if self.restart:
            generations = [f"generation_{number}" for number in range(1, self.recipe.generations)]
            left = owned.empty(besides=[files.teacher.name, *generations])
            if left:
                said = f"{files.path}: not made by keras-kd, and left as it is: {', '.join(left)}"
                print_note(said)
        owned.remove(files.report)
        owned.claim(*files.always)
        owned.keep("inputs", inputs_of(self.recipe, files.path, self.smoke, dataset))
        keep_recipe(files, self.recipe)

    def _measured(self, dataset, teacher, begun):
        recipe, files = self.recipe, self.files
        found = measure(
            recipe,
            dataset,
            teacher,
            files,
            name=self.name,
            independent=lambda: load_independent_teacher(recipe, dataset, files.path, smoke=self.smoke, quiet=True),
        )
        found["smoke"] = self.smoke
        seconds = found["time"]["seconds"]
        # A run that was killed has trained for longer than this command has run.
        seconds["total"] = round(max(time.monotonic() - begun, seconds["training"] + seconds["data"]), 3)
        report.write(found, files.path)
        return found


def _handed_over(found):
    """What goes with the exported files of a report beside its card."""
    made = found.get("exports", [])
    return {"example"} if any(one["passed"] and one["format"].startswith("litert") for one in made) else set()


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
    with hold_run(files, recipe, wait=True, tell=False) as owned:
        found = read_report(files.path)
        if found is not None and files.student.exists():
            _tidy(files, owned, recipe, epochs)
            return found
        if begin_from is not None and not files.state.exists():
            before = RunFolder(Path(begin_from))
            for mine, other in ((files.state, before.state), (files.history, before.history)):
                with whole(mine, sealed=False) as temporary:
                    shutil.copyfile(other, temporary)
        context = RunContext(recipe, seen, files, name, quiet=True)
        train(context, teacher, begin=lambda: keep_recipe(files, recipe), until=epochs, home_folder=home_folder)
        _tidy(files, owned, recipe, epochs)
        found = measure(recipe, seen, teacher, files, name=name, brief=True)
        found["history"] = {key: _number(value) for key, value in (read_history(files) or [{}])[-1].items()}
        report.write(found, files.path)
    return found


def _tidy(files, owned, recipe, epochs):
    """Takes away what the training of a trial needs no more; one of fewer epochs may be gone on with."""
    owned.remove(files.filling)
    if epochs is None or epochs >= recipe.fit.epochs:
        owned.remove(files.state)


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
        if not run.student.exists() or read_report(run.path) is None:
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
        one = teacher_run(spec, folder, smoke)
        taught, run = one.recipe, one.files
        if teacher.is_fitted:
            held_out_alike(recipe.data, taught.data, spec.model)
        stem = teacher_run_name(Path(spec.model).stem, spec.settings)
        there = run.student.exists() and read_report(run.path) is not None
        if not there and not may_train:
            raise UserError(
                f"{run.path}: the run of the teacher is not there; put it back, or train it: `keras-kd distill "
                f"{spec.model}`"
            )
        if may_train and not is_whole(run):
            distill(taught, run.path, name=stem, smoke=smoke, quiet=quiet, wait=wait, wait_for_teacher=wait)
        file, name = run.student, run.path.name.removesuffix("-smoke")
        if spec.epoch not in (None, read_report(run.path).get("epochs")):
            file, name = run.checkpoint(spec.epoch), f"{name} epoch {spec.epoch}"
        if not file.exists():
            seed = "" if spec.seed is None else f" --seed {spec.seed}"
            raise UserError(
                f"{file}: the finished run kept no epoch {spec.epoch}; "
                f"`keras-kd distill {spec.model}{seed} --restart` trains it again and keeps it"
            )
        network = _student_of(run, file, name, seen, folder, taught)
        network.source["trained_on_held_out"] = saw_held_out(recipe.data, taught.data)
        return network

    return assemble(teacher, dataset, of_recipe, memory)


def _student_of(run, file, name, seen, folder, taught=None):
    """The student of a finished run as a teacher; `file` is it, or one of its checkpoints."""
    verified(file, PUT_BACK)
    found, used = read_report(run.path), load(run.recipe, notes=[])
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
        "differs_from_recipe": differences(used, taught) if taught else [],
    }
    return Network(f"{name} ({found['student']['name']})", model, used.student.from_logits, source)


def must_train_first(recipe, folder, smoke):
    """Whether the run of a teacher or of a generation is missing."""
    runs = []
    if recipe.generations > 1:
        runs.append(RunFolder(generation_folder(folder, 1)))
    if recipe.teacher is not None:
        runs += [teacher_run(spec, folder, smoke).files for spec in recipe.teacher.members if spec.is_recipe]
    return any(not run.student.exists() for run in runs)


PUT_ALL_BACK = "put back what was there, or train it again: `keras-kd distill` of its recipe with --restart"


def open_run(folder, moved=False):
    """(recipe, RunFolder) of a finished run; one that was moved away from what its recipe names only where it may."""
    files = RunFolder(Path(folder))
    if not files.path.is_dir():
        raise UserError(f"{folder}: no such run folder; `keras-kd distill RECIPE` makes one under saved_models/")
    if not files.recipe.exists() or not is_run(files.path):
        raise UserError(f"{folder}: no run of keras-kd (it has no recipe.yaml of its making)")
    refuse_lost(files.path)
    if not files.student.exists():
        raise UserError(f"{folder}: its student is not trained to the end; `keras-kd distill` goes on with it")
    notes = []
    recipe = load(files.recipe, notes=notes)
    if notes and not moved:
        raise UserError(
            f"{folder}: was moved, or what its recipe names was ({notes[0].partition(': ')[2]}); move it back, or give "
            f"`keras-kd distill RECIPE --out {folder}`"
        )
    return recipe, files


def evaluate(folder):
    """Measures the student of a run again; returns the report and writes it."""
    recipe, files = open_run(folder)
    with hold_run(files) as owned:
        mend(files, owned)
        before = read_report(files.path) or {}
        smoke = before.get("smoke", False)
        same_inputs(owned, inputs_of(recipe, files.path, smoke), PUT_ALL_BACK)
        dataset = load_data(recipe)
        same_inputs(owned, inputs_of(recipe, files.path, smoke, dataset), PUT_ALL_BACK)
        teacher = load_teacher(recipe, dataset, files.path, smoke=smoke, may_train=False)
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

    def independent():
        return load_independent_teacher(recipe, dataset, files.path, smoke=smoke, quiet=True, may_train=may_train)

    name = before.get("recipe", files.path.name)
    found = measure(recipe, dataset, teacher, files, name=name, independent=independent)
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
        formats: some of `keras_kd.export.formats.FORMATS`; the recipe's by default.
        quiet: no progress.
    """
    recipe, files = open_run(folder, moved=True)
    formats = tuple(formats or recipe.export.formats)
    if models.kind(recipe.student.model) == "function":
        import_module_of(recipe.student.model)
    missing = missing_here(formats)
    if missing:
        raise UserError(f"export: {missing}")
    with hold_run(files) as owned:
        mend(files, owned)
        dataset = load_data(recipe)
        found = read_report(files.path)
        if found is None:
            raise UserError(f"{folder}: has no report.json; `keras-kd evaluate {folder}` writes it")

        def teacher():
            try:
                return load_teacher(recipe, dataset, files.path, smoke=found.get("smoke", False), may_train=False)
            except MachineError:
                raise
            except UserError as error:
                # Of a run that was moved, say.
                said = (
                    f"{folder}: the teacher cannot be asked ({error}); the student in float32 teaches its copy for int8"
                )
                print_note(said)
                return None

        context = RunContext(recipe, dataset, files, files.path.name, quiet)
        found = hand_over(context, found, owned=owned, teacher=teacher, formats=formats)
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
    refuse_changed(files.path)
    found = read_report(files.path)
    if found is None or not is_run(files.path):
        raise UserError(f"{folder}: no finished run (no report.json that can be read); `keras-kd distill` makes one")
    recipe = files.recipe.read_text(encoding="utf-8") if files.recipe.exists() else ""
    text = page(found, read_history(files), read_predictions(files.predictions), recipe)
    with hold_run(files, wait=True), whole(files.report_page) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return files.report_page
