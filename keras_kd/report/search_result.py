"""What a search found, as `search.json` holds it."""

from typing import Any

from keras_kd.report.section import Section, described


class Trial(Section):
    """A recipe that was tried."""

    trial: str | None = described("its number")
    status: str | None = described("COMPLETED, FAILED, INVALID or RUNNING")
    values: dict[str, Any] | None = described("what it set, by the path in the recipe")
    objectives: dict[str, float] | None = described("by objective, the mean over its seeds")
    by_seed: dict[str, list[float]] | None = described("by objective, the figure of each seed")
    epochs: int | None = described("trained")
    seconds: dict[str, float] | None = described("student and teacher")
    teacher_views: int | None = described("views that the teacher was asked about")
    shown: int | None = described("views that the student was shown")
    judged_on: int | None = described("images that were set aside from the training images")
    banked: bool | None = described("whether the teacher was looked up in a bank")
    worker: str | None = described("of a search on several machines, the one that tried it")
    error: str | None = described("why it has no figures")


class Winner(Section):
    """The best recipe, trained on all training images and tested."""

    test_images: int | None = described("on which it was tested")
    runs: list[dict[str, Any]] | None = described("by seed: run, seed, top1, top5, agreement, ece, seconds")


class SearchResult(Section):
    """A search: what was tried, what was best, what it cost. `str(result)` is what the terminal shows.

    Example:
        >>> SearchResult(best="0", trials=[{"trial": "0", "values": {"label_weight": 0.5}}]).best_trial.values
        {'label_weight': 0.5}
    """

    recipe: str | None = described("its name")
    file: str | None = described("the recipe's")
    settings: list[str] | None = described("overrides, path=value")
    date: str | None = described("on which it ended")
    tuner: str | None = described("grid, random, bayesian or hyperband")
    objectives: dict[str, str] | None = described("by figure of a report: min or max")
    judged_on: str | None = described("which images, in words")
    space: dict[str, dict[str, Any]] | None = described("by path in the recipe: the values that may be tried")
    trials: list[Trial] | None = described("in the order in which they began")
    counts: dict[str, int] | None = described("of trials, by status")
    best: str | None = described("the number of the best trial")
    pareto: list[str] | None = described("of several objectives the trials that no other beats in all")
    seconds: dict[str, float | None] | None = described("students, teacher, teacher_if_live; views asked and shown")
    stages: dict[str, float] | None = described("seconds of the commands that worked on the search, by stage")
    winner: Winner | None = described("the best recipe trained on all training images, where it was asked for")
    environment: dict[str, Any] | None = described("device, cores, versions")
    git_commit: str | None = described("of the folder that it ran in")
    version: str | None = described("of keras_kd")

    def __str__(self):
        from keras_kd.report.terminal import of_search  # which stands above

        return of_search(self)

    def _repr_html_(self):
        from keras_kd.report.notebook import as_it_is

        return as_it_is(str(self))

    @property
    def best_trial(self):
        """The best `Trial`, or None where none came to its end."""
        return next((one for one in self.trials or () if one.trial == self.best), None)
