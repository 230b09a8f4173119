"""What the stages of a run share: the recipe, its data, the folder, what its progress is called."""

from dataclasses import dataclass

from keras_kd.data.dataset import Dataset
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.schema import Recipe
from keras_kd.utils.screen import print_note


@dataclass(frozen=True, eq=False)
class RunContext:
    """Handed from stage to stage, so that each takes in addition to it only what is its own.

    Args:
        recipe: a `Recipe`.
        dataset: its data; of a trial, the data that it may see.
        files: the `RunFolder`.
        title: what the progress is of.
        quiet: no progress.
    """

    recipe: Recipe
    dataset: Dataset
    files: RunFolder
    title: str
    quiet: bool = False

    def log(self, line):
        """Writes a line of progress to stderr, unless quiet."""
        if not self.quiet:
            print_note(f"{self.title}: {line}")
