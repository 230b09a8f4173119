"""The checks that every run begins with: seconds on a few hundred images, before hours go into a bad teacher."""

from keras_kd.models.network import cost
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_note
from keras_kd.utils.steps import step
from keras_kd.workflows.doctor import UNEXAMINED, examine_case
from keras_kd.workflows.doctor.case import Case
from keras_kd.workflows.doctor.members import missing_runs
from keras_kd.workflows.run.dry_run import about_data
from keras_kd.workflows.start_checks import AT_THE_START, as_word, checked_despite

# Images that are looked at, and the multiply-accumulates that they may take: seconds, of a large network fewer images.
MOST, LEAST, WORK = 400, 64, 1e12
# How often a network of a file is asked, with pixels of different scales; of colours in both orders.
PASSES, PASSES_OF_COLOURS = 6, 12


class StartChecks:
    """Called with the `RunContext` of a run that begins: says what is doubtful and stops what is bad.

    Args:
        despite: names of checks that do not stop a run, such as "pixels"; with hyphens in place of spaces too.
        smoke: the run is shrunk, and so are its teachers: nothing is expected of them.

    Raises:
        UserError: a name is no check; where it is called, what is bad and how it is mended.

    Example:
        >>> StartChecks(["pixel"])
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: despite: no check 'pixel'; did you mean 'pixels'?
    """

    def __init__(self, despite=(), smoke=False):
        self.despite, self.smoke = checked_despite(despite), smoke

    def __call__(self, context):
        if self.needed(context.recipe):
            case = Case(context.recipe, context.files.path, dataset=context.dataset)
            try:
                lines = self.look(case, context.log)
            except UserError as error:
                raise UserError(f"{context.title}: {error}") from None
            for line in lines:
                context.log(line)

    def needed(self, recipe):
        """Whether a recipe has a teacher of which something is expected."""
        return not self.smoke and (recipe.teacher is not None or recipe.generations > 1)

    def look(self, case, log):
        """What is doubtful, a line each, once nothing is bad.

        Args:
            case: a `Case`.
            log: called with a line of progress.

        Raises:
            UserError: what is bad and how it is mended.
        """
        case.most = images_looked_at(case)
        if case.most < MOST:
            log(f"the teacher is large: it is checked on {case.most} images")
        examined = examine_case(case, AT_THE_START)
        bad = [one for one in examined["findings"] if one["outcome"] == "bad"]
        doubtful = [one for one in examined["findings"] if one["outcome"] == "warning" or one in bad]
        stops = [one for one in bad if one["check"] not in self.despite]
        if stops:
            # What another check must mend is said there.
            first = next((one for one in stops if "cause" not in one["evidence"]), stops[0])
            words = dict.fromkeys([as_word(first["check"]), *sorted(as_word(one["check"]) for one in stops)])
            despite = " ".join(f"--despite {word}" for word in words)
            # What the first does not explain is not kept for the run after it.
            others = [one for one in doubtful if one is not first and not _follows(one)]
            also = "".join(f"; also {one['check']}: {one['found']}" for one in others)
            if first["found"].startswith(UNEXAMINED):
                raise UserError(f"{first['check']}: {first['found']}{also}")  # a run could not go on with it either
            raise UserError(f"{first['check']}: {first['found']}{also}; {first['fix']}, or go on with {despite}")
        return [f"{one['check']}: {one['found']}; {one['fix']}" for one in doubtful]


def look_ahead(recipe, folder, *, name, despite=(), smoke=False):
    """What a run would be told before it trains, where its data and its teachers are there.

    Args:
        recipe: a `Recipe`.
        folder: of its run, which need not be there; nothing is written.
        name: of the recipe, for progress.
        despite, smoke: as of `StartChecks`.

    Returns:
        What is doubtful, a list of lines; None where nothing could be looked at, or there is no teacher.

    Raises:
        UserError: what the run would stop at.
    """
    check = StartChecks(despite, smoke)
    if not check.needed(recipe) or missing_runs(recipe, folder, smoke) or not about_data(recipe).here:
        return None
    step("checking the teacher", tell=False)
    return check.look(Case(recipe, folder), lambda line: print_note(f"{name}: {line}"))


def _follows(one):
    """Whether a finding is what another one brings about."""
    return bool("cause" in one["evidence"] or one["evidence"].get("many"))


def images_looked_at(case):
    """How many images are looked at."""
    macs = sum(cost(member.network.model)["macs"] or 0 for member in case.members)
    passes = PASSES_OF_COLOURS if case.dataset.image_shape[2] == 3 else PASSES
    return int(min(MOST, max(LEAST, WORK / (passes * max(macs, 1)))))
