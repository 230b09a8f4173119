"""The order of the stages: recipe, data, teacher, student, training, report, export. Each leaves its result in files,
so each can be killed and gone on with."""

import time
from pathlib import Path

from keras_kd.export.formats import missing_here
from keras_kd.recipe.folders import RunFolder, generation_folder, step_folder
from keras_kd.recipe.load import reading_once
from keras_kd.recipe.schema import EvidenceSpec
from keras_kd.report.write import write
from keras_kd.utils.now import tell, told_in
from keras_kd.utils.ownership import within
from keras_kd.utils.screen import print_note
from keras_kd.utils.stages import stage, timed
from keras_kd.utils.steps import step, telling
from keras_kd.workflows.run.choose_student import choose
from keras_kd.workflows.run.class_weight import with_class_weights
from keras_kd.workflows.run.context import RunContext
from keras_kd.workflows.run.deliver import deliver, write_card
from keras_kd.workflows.run.dry_run import about_data, dry_run
from keras_kd.workflows.run.evaluate import measured_again
from keras_kd.workflows.run.export import refuse_failed
from keras_kd.workflows.run.folder import (
    hold_run,
    keep_recipe,
    may_hold,
    mend,
    no_banks_here,
    read_history,
    read_report,
    same_inputs,
    same_recipe,
)
from keras_kd.workflows.run.inputs import IMAGES, independent_digest, independent_of, inputs_of, same_teachers
from keras_kd.workflows.run.label_weight import check_held_out
from keras_kd.workflows.run.load_teacher import load_independent_teacher, load_teacher
from keras_kd.workflows.run.measure import measure
from keras_kd.workflows.run.missing import (
    RunToMake,
    missing_generations,
    missing_runs_of,
    missing_steps,
    missing_teachers,
    must_train_first,
)
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.rehearse import is_own
from keras_kd.workflows.run.spent import keep_spent, note_spent
from keras_kd.workflows.run.train import train

# What a run may wait for: another process in its own folder, or one that trains its teacher.
RUN, TEACHERS = "run", "teachers"
BOTH = (RUN, TEACHERS)


@reading_once()
def distill(recipe, folder, *, name, restart=False, smoke=False, quiet=False, wait_for=(TEACHERS,), check=None):
    """Runs a recipe to its end: teacher (trained first if its run is missing), student, report, exported files.

    The same call resumes a run that was killed, and answers at once where the run is complete.

    Args:
        recipe: a `Recipe` of `keras_kd.recipe.load.load`.
        folder: the run folder; made if missing.
        name: of the recipe, for the report.
        restart: throws away what is in the folder.
        smoke: a teacher that is a recipe is shrunk as well.
        quiet: no progress.
        wait_for: what another process works at and is waited for, instead of refused: some of `RUN`, its folder, and
            `TEACHERS`.
        check: called with the `RunContext` once all that teaches is there, before the student is trained; what it
            raises stops the run.

    Returns:
        The `keras_kd.Report`.

    Raises:
        FolderLockedError: another process works in the folder, or trains the teacher.
        UserError: what the user can fix.
        NonFiniteLoss: the loss, or what is trained, became NaN or infinite.
        GateError: an exported file differs from the Keras model by more than its gate allows.
    """
    one = RunToMake(recipe, RunFolder(Path(folder)), name, restart)
    # A generation that is run first waits in any case.
    waits = TEACHERS in wait_for or recipe.generations > 1

    def first(job):
        missing = missing_teachers(recipe, one.files.path, smoke, restart)
        _make_teachers(missing, smoke=smoke, quiet=quiet, wait=waits)
        _make_generations(job)

    return _make(one, smoke=smoke, quiet=quiet, wait=RUN in wait_for, first=first, check=check)


@reading_once()
def trained_teacher(recipe, dataset, folder, *, smoke=False, quiet=False):
    """The teacher as a `Network`, or None; what of it is a recipe is trained where its run is missing.

    Args:
        recipe, dataset, folder, smoke: as of `keras_kd.workflows.run.load_teacher.load_teacher`.
        quiet: no progress.

    Raises:
        UserError: a run fails, or the generation before the last is missing.
    """
    if recipe.generations == 1:
        _make_teachers(missing_teachers(recipe, folder, smoke), smoke=smoke, quiet=quiet)
    return load_teacher(recipe, dataset, folder, smoke=smoke)


@reading_once()
def trained_independent_teacher(recipe, dataset, folder, *, smoke=False, quiet=False):
    """The network that fidelity is compared with, as a `Network`, or None; arguments as of `trained_teacher`."""
    spec = independent_of(recipe)
    if spec is not None:
        _make_teachers(missing_runs_of(spec, recipe.data, folder, smoke), smoke=smoke, quiet=quiet)
    return load_independent_teacher(recipe, dataset, folder, smoke=smoke)


def _make_teachers(missing, *, smoke, quiet, wait=True):
    """Makes the runs of teachers, one after the other; all of them have their places before the first begins."""
    for one in missing:
        may_hold(one.files, one.recipe, restart=False)
    for one in missing:
        _make(one, smoke=smoke, quiet=quiet, wait=wait, first=_make_generations)


def _make_generations(job):
    """Makes the earlier generations, and steps of pruning, of a run that is held, as parts of it."""
    with within(job.owned):
        given = job.recipe, job.files, job.name, job.restart
        for one in [*missing_generations(*given), *missing_steps(*given)]:
            _make(one, smoke=job.smoke, quiet=job.quiet, wait=True)


def _make(one, *, smoke, quiet, wait, first=None, check=None):
    """Makes a run, unless it is complete, and returns its report.

    Args:
        one: a `RunToMake`.
        smoke, quiet, check: as of `distill`.
        wait: for another process that works in the folder.
        first: called with the `_Job` where stages are missing, to make the runs that it needs.
    """
    begun = time.monotonic()
    no_banks_here(one.files.path)
    with (
        timed() as spent,
        telling(one.name, quiet),
        hold_run(one.files, one.recipe, wait=wait, restart=one.restart) as owned,
        told_in(one.files.path),
    ):
        tell(title=one.name)
        job = _Job(one, owned, smoke, quiet, begun)
        report = job.look()
        if report is None:
            spent.worked = True
            job.spent = spent
            if first is not None:
                with stage("teacher"):
                    step("the runs of its teachers", tell=False)
                    first(job)
            report = job.run(check)
        refuse_failed(report)
        return report


class _Job:
    """One run of a recipe: what is checked before, and its stages.

    Args:
        one: a `RunToMake`.
        owned: as which its folder is held.
        smoke, quiet: as of `distill`.
        begun: when, of `time.monotonic`.
    """

    def __init__(self, one, owned, smoke, quiet, begun):
        self.recipe, self.files, self.name, self.restart = one
        self.owned, self.smoke, self.quiet, self.begun = owned, smoke, quiet, begun
        self.begins = one.restart or not one.files.student.exists()
        self.dataset, self.spent = None, None

    def check(self):
        """All that can be seen to be wrong before data are read, anything is trained or anything is thrown away."""
        recipe, files, owned = self.recipe, self.files, self.owned
        if not self.restart:
            same_recipe(files, recipe)
        if not self.begins:
            mend(files, owned)
        same_teachers(recipe, files.path, self.smoke)
        if not self.restart:
            report = read_report(files.path)
            if owned.kept("inputs") is None and report is not None:
                # Of a run of an earlier version that much is known.
                owned.keep("inputs", {IMAGES: report.data.fingerprint})
            same_inputs(owned, inputs_of(recipe, files.path, self.smoke))
        new = self.begins and not files.state.exists() and is_own(recipe.student)
        if self.restart or new or (self.begins and must_train_first(recipe, files.path, self.smoke)):
            dry_run(recipe, about_data(recipe), self.smoke, quiet=self.quiet)

    def complete(self):
        """The report of a finished run of which nothing is missing, or None."""
        files, report = self.files, read_report(self.files.path)
        if report is None or self._to_be_measured(report) or self._to_be_exported(report):
            return None
        written = [files.text, files.card, *([files.example] if "example" in _delivered(report) else [])]
        if files.state.exists() or files.filling.exists() or not all(file.exists() for file in written):
            return None
        return report

    def _to_be_measured(self, report):
        """Whether the recipe asks for other evidence than a report has, or of another network."""
        recipe = self.recipe
        independent = independent_digest(recipe, self.files.path, self.smoke)
        same = independent is None or self.owned.kept("independent") in (None, independent)
        asked = _evidence(report.settings) != _evidence(recipe.dump(self.files.path))
        return asked or not same or not self.files.predictions.exists()

    def _to_be_exported(self, report):
        """Whether a file is to be made: for other settings, after a kill, or since it is gone."""
        made = report.exports
        if made is None or report.settings["export"] != self.recipe.dump()["export"]:
            return report.export_note is None or missing_here(self.recipe.export.formats) is None
        better = report.delivered and report.delivered.file
        if better and not (self.files.path / better).exists():
            return True
        gone = any(one.passed and not (self.files.path / one.file).exists() for one in made)
        return gone or any(one.circumstance for one in made)

    def look(self):
        """Checks all, and loads the data; returns the report of a finished run, or None where a stage is missing."""
        self.check()
        self.dataset = load_data(self.recipe)
        check_held_out(self.recipe, self.dataset)
        with_class_weights(self.recipe, self.dataset.class_names)
        if not self.restart:
            same_inputs(self.owned, inputs_of(self.recipe, self.files.path, self.smoke, self.dataset))
        report = None if self.begins else self.complete()
        if report is not None:
            # What comes after training may have changed: seeds, baseline.
            keep_recipe(self.files, self.recipe)
        return report

    def run(self, check):
        """The stages that are missing, in their order, once all that teaches is there; returns the report."""
        recipe, files, dataset, owned = self.recipe, self.files, self.dataset, self.owned
        with stage("teacher"):
            teacher = load_teacher(recipe, dataset, files.path, smoke=self.smoke)
        if self.begins:
            with stage("training"):
                self._train(dataset, teacher, check)
        else:
            keep_spent(self.spent, owned)
            keep_recipe(files, recipe)
        for file in (files.state, files.filling):
            self.owned.remove(file)
        report = read_report(files.path)
        if report is None:
            with stage("measuring"):
                report = self._measured(dataset, teacher)
        elif self._to_be_measured(report):
            with stage("measuring"):
                report = measured_again(recipe, dataset, teacher, files, report, independent=self._independent)
        now = inputs_of(recipe, files.path, self.smoke, dataset)
        self.owned.keep("inputs", {**now, **(self.owned.kept("inputs") or {})})
        self.owned.keep("independent", independent_digest(recipe, files.path, self.smoke))
        if read_history(files):
            made = [file for file in (files.history, files.bank) if file.exists()]
            self.owned.keep("texts", {file.name: file.read_bytes().decode("utf-8") for file in made})
        if not files.text.exists():
            write(report, files.path)
        if self._to_be_exported(report):
            with stage("exports"):
                choose(self._context(dataset), report, owned)
                report = deliver(self._context(dataset), report, owned=owned, teacher=lambda: teacher)
        else:
            write_card(files.path, report, dataset.image_shape)
        self.spent.mark()
        note_spent(report, owned)
        write(report, files.path)
        return report

    def _train(self, dataset, teacher, check):
        missing = missing_here(self.recipe.export.formats)
        if missing and not self.quiet:
            print_note(f"{self.name}: it will not be exported: {missing}")
        context = self._context(dataset)

        def begin():
            if check is not None:
                with stage("checks"):
                    step("checking the teacher", tell=False)
                    check(context)
            step("building the student", tell=False)
            self._begin(dataset)

        train(context, teacher, begin=begin, keep_best=True, anew=self.restart)

    def _context(self, dataset):
        return RunContext(self.recipe, dataset, self.files, self.name, self.quiet)

    def _begin(self, dataset):
        """Everything is built and fits: now what was there goes, if it is to, and the recipe is kept."""
        files, owned = self.files, self.owned
        if self.restart:
            numbers = range(1, self.recipe.generations)
            generations = [generation_folder(files.path, number).name for number in numbers]
            steps = 1 if self.recipe.student.prune is None else self.recipe.student.prune.steps
            generations += [step_folder(files.path, number).name for number in range(1, steps)]
            left = owned.empty(besides=[files.teacher.name, *generations])
            if left:
                said = f"{files.path}: not made by keras-kd, and left as it is: {', '.join(left)}"
                print_note(said)
        owned.remove(files.report)
        owned.claim(*files.always)
        owned.keep("inputs", inputs_of(self.recipe, files.path, self.smoke, dataset))
        keep_recipe(files, self.recipe)
        keep_spent(self.spent, owned)

    def _measured(self, dataset, teacher):
        recipe, files = self.recipe, self.files
        step("measuring the student")
        report = measure(recipe, dataset, teacher, files, name=self.name, independent=self._independent)
        report.smoke = self.smoke
        seconds = report.time.seconds
        # A run that was killed has trained for longer than this command has run.
        seconds["total"] = round(max(time.monotonic() - self.begun, seconds["training"] + seconds["data"]), 3)
        write(report, files.path)
        return report

    def _independent(self):
        """The network that fidelity is compared with; trained now if its run is missing."""
        return trained_independent_teacher(self.recipe, self.dataset, self.files.path, smoke=self.smoke, quiet=True)


def _delivered(report):
    """What goes with the exported files of a report in addition to its card."""
    made = report.exports or []
    return {"example"} if any(one.passed and one.format.startswith("litert") for one in made) else set()


def _evidence(settings):
    """What the settings of a run ask to be measured."""
    # What a report of an earlier version did not know of was not asked for.
    return {**EvidenceSpec().model_dump(mode="json"), **settings.get("evidence", {})}
