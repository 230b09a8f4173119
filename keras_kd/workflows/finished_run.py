"""A run as an object: what its folder holds, to look at in a notebook, and to go on with."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_kd.report.fields import entries
from keras_kd.report.soundness import refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_folder
from keras_kd.workflows.arguments import PathLike, given_path

if TYPE_CHECKING:
    import keras

    from keras_kd.recipe.schema import Recipe
    from keras_kd.report.notebook import Rows
    from keras_kd.report.report import Report


class Run:
    """A run that has come to its end. It shows itself: in a notebook its tables and curves, in a terminal its summary.

    What the commands do with a run is a method of the same name: `evaluate`, `export`, `bench`, `doctor`, `cite`,
    `compare`.

    Args:
        folder: of the run, as `distill` made it.

    Attributes:
        folder: where it lies, a `Path`.

    Raises:
        UserError: there is no finished run in the folder.

    Example:
        >>> run = Run("saved_models/digits")  # doctest: +SKIP
        >>> run.report.student.top1, run.history["loss"][-1], run.student.count_params()  # doctest: +SKIP
        (0.9722, 0.31, 1498)
    """

    def __init__(self, folder: PathLike) -> None:
        from keras_kd.workflows.run.folder import is_run, read_report

        self.folder = Path(user_folder(given_path(folder, "folder"), "folder"))
        refuse_no_folder(self.folder)
        if not is_run(self.folder) or read_report(self.folder) is None:
            raise UserError(
                f"{self.folder}: no finished run (no report.json that can be read); `keras_kd.distill` makes one"
            )

    def __getattr__(self, name: str) -> Any:
        from keras_kd.report.report import Report

        if name in vars(type(self)):  # a property that failed: what it failed by is said, not that it is missing
            return vars(type(self))[name].__get__(self, type(self))
        hint = f"; its report has it: run.report.{name}" if name in Report.model_fields else ""
        raise AttributeError(f"a Run has no {name}{hint}")

    @property
    def report(self) -> "Report":
        """What was measured, as `report.json` holds it now."""
        from keras_kd.report.report import Report

        return Report.read(self._files.report)

    @property
    def recipe(self) -> "Recipe":
        """The recipe that was run, every default filled."""
        from keras_kd.recipe.load import load

        return load(self._files.recipe, notes=[])

    @functools.cached_property
    def student(self) -> "keras.Model":
        """The student, a plain Keras model; loaded once."""
        from keras_kd.models.saved import load_saved
        from keras_kd.report.soundness import refuse_changed
        from keras_kd.workflows.run.open_run import know_modules_of

        refuse_changed(self.folder)
        know_modules_of(self.folder)
        return load_saved(str(self._files.student))

    @property
    def history(self) -> dict[str, list[float]]:
        """The figures of each epoch, {name: list of floats}, "epoch" among them; NaN where an epoch has none."""
        from keras_kd.report.sections.training import figures_by_epoch
        from keras_kd.workflows.run.folder import read_history

        return figures_by_epoch(read_history(self._files))

    @property
    def files(self) -> dict[str, Path]:
        """The exported files that passed their gates, {format: path}."""
        exports = entries(self.report.as_json(), "exports")
        return {one["format"]: self.folder / one["file"] for one in exports if one.get("passed") and one.get("file")}

    @property
    def page(self) -> Path:
        """The page to open in a browser, `report.html`."""
        return self._files.report_page

    def evaluate(self) -> "Report":
        """Measures the student again; see `keras_kd.evaluate`."""
        from keras_kd.workflows.commands import evaluate

        return evaluate(self.folder)

    def export(self, formats: str | Iterable[str] = (), *, quiet: bool = False) -> "Report":
        """Exports the student, see `keras_kd.export`; `run.files` then has the files.

        Args:
            formats: one or some of the formats of docs/recipes.md; the recipe's by default.
            quiet: no progress.
        """
        from keras_kd.workflows.commands import export

        return export(self.folder, formats, quiet=quiet)

    def bench(self, **options: Any) -> "Rows":
        """Measures its files: latency, throughput, memory, size; arguments as of `keras_kd.bench`."""
        from keras_kd.workflows.inspecting import bench

        return bench(self.folder, **options)

    def doctor(self) -> dict[str, Any]:
        """Why it did not help, and what to try next; see `keras_kd.doctor`."""
        from keras_kd.workflows.doctor import examination_of_run
        from keras_kd.workflows.run.open_run import open_run
        from keras_kd.workflows.self_showing import Examination

        recipe, _ = open_run(self.folder)
        return Examination(examination_of_run(recipe, self.folder))

    def cite(self) -> str:
        """BibTeX of the papers that it relies on."""
        from keras_kd.workflows.inspecting import cite

        return cite(self._files.recipe)

    def compare(self, *others: "Run | PathLike") -> "Rows":
        """This run and others side by side; see `keras_kd.compare`."""
        from keras_kd.workflows.inspecting import compare

        return compare([self, *others])

    @property
    def _files(self):
        from keras_kd.recipe.folders import RunFolder

        return RunFolder(self.folder)

    def _shown(self):
        from keras_kd.workflows.run.write_page import page_of

        return page_of(self._files)

    def __fspath__(self) -> str:
        # So that a run is given wherever the folder of one is.
        return str(self.folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def __str__(self) -> str:
        from keras_kd.report.terminal import show

        return show(self._shown())

    def _repr_html_(self) -> str:
        from keras_kd.report.notebook import of_page

        return of_page(self._shown())
