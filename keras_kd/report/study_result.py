"""What a study found, as `study.json` holds it."""

from typing import Any

from keras_kd.report.section import Section, described


class Figures(Section):
    """A figure of a cell over its seeds."""

    by_seed: dict[str, float | None] | None = described("by seed; None where a run has none")
    mean: float | None = described("over seeds")
    std: float | None = described("standard deviation over seeds, with n - 1")
    n: int | None = described("seeds that have it")


class Difference(Section):
    """A figure of a cell minus that of the cell which it is compared with."""

    difference: float | None = described("the mean of the differences by seed")
    interval: list[float] | None = described("its 95 % interval")
    p: float | None = described("of the paired t test")
    n: int | None = described("pairs of seeds")


class Cell(Section):
    """A combination of the axes' values."""

    cell: dict[str, Any] | None = described("by axis, its value")
    recipe: str | None = described("the file of its recipe")
    runs: dict[str, str] | None = described("by seed, the folder of the run")
    failed: dict[str, str] | None = described("by seed, why it has no student")
    figures: dict[str, Figures] | None = described("by path in a report")
    against: dict[str, Difference] | None = described("by path in a report, the difference to the other cell")


class Cost(Section):
    """What the runs of a study cost."""

    runs: int | None = described("how many")
    training_seconds: float | None = described("of all")
    teacher_seconds: float | None = described("of these, asking teachers")


class StudyResult(Section):
    """A study: figures of every cell, and differences between cells. `str(result)` is its table.

    Example:
        >>> StudyResult(study="noise", seeds=[0, 1], cells=[{"cell": {"noise": "0.5"}}]).cells[0].cell
        {'noise': '0.5'}
    """

    study: str | None = described("its name")
    question: str | None = described("what it asks")
    source: str | None = described("of the question")
    axes: dict[str, list[Any]] | None = described("by axis, its values")
    against: dict[str, Any] | None = described("by axis, the value of the cell that others are compared with")
    figures: dict[str, str] | None = described("by path in a report, what it is called")
    seeds: list[int] | None = described("that were run")
    cells: list[Cell] | None = described("a row each")
    notes: list[str] | None = described("sentences for the reader")
    cost: Cost | None = described("of all runs")
    data: dict[str, Any] | None = described("name, test images, classes")
    train: list[int] | None = described("training images, the fewest and the most where they differ")
    epochs: list[int] | None = described("trained, the fewest and the most where they differ")
    environment: dict[str, Any] | None = described("device, cores, versions")
    git_commit: str | None = described("of the folder that it ran in")
    version: str | None = described("of keras_kd")
    date: str | None = described("on which it ended")
    base: str | None = described("the recipe that the axes change, as text")

    def __str__(self):
        from keras_kd.report.study_page import as_markdown  # which stands above

        return as_markdown(self)

    def _repr_html_(self):
        from keras_kd.report.notebook import escaped, table
        from keras_kd.report.study_page import cells_of, describe_cost

        return f"<p>{escaped(self.question)}</p>{table(*cells_of(self))}<p>{escaped(describe_cost(self))}</p>"
