"""The commands that look and train nothing, as functions: list, show, cite, new, validate, doctor, compare, bench.

`list` is `list_known` here and `keras_kd.list` outside, where Python's own is not in its way.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import RECIPE, ends_in, user_folder, user_path
from keras_kd.workflows.arguments import (
    PathLike,
    Settings,
    checked_page,
    folder_of,
    given_path,
    overrides,
    run_folder,
    stem_of,
)
from keras_kd.workflows.commands import know, load_recipe
from keras_kd.workflows.self_showing import Checked, Examination
from keras_kd.workflows.start_checks import checked_despite

if TYPE_CHECKING:
    from keras_kd.recipe.schema import Recipe
    from keras_kd.report.notebook import Rows

NOT_RUN = "a dry run needs its code, which --no-code leaves alone; leave one of the two options out"


def list_known(
    what: str | None = None, *, knowledge: str | None = None, scheme: str | None = None, problem: str | None = None
) -> dict[str, Any]:
    """Available methods, models, datasets, recipes and studies; in Python `keras_kd.list`.

    Args:
        what: one of "methods", "models", "datasets", "recipes", "studies"; all by default.
        knowledge: of methods, "response", "feature" or "relation".
        scheme: of methods, "offline", "online" or "self".
        problem: of methods, what their sources say they answer, such as "noise".

    Returns:
        {name: what is said of it}; of all {what: such a table}.

    Raises:
        UserError: there is no such table, or no such group of methods.

    Example:
        >>> list(list_known("methods", knowledge="relation", problem="noise"))
        ['fsp', 'rkd', 'sp']
    """
    from keras_kd.workflows.catalogue import CATALOGUE

    if what is not None and what not in CATALOGUE:
        raise UserError(f"list: no {what!r}; expected one of {', '.join(CATALOGUE)}")
    chosen = {"knowledge": knowledge, "scheme": scheme, "problem": problem}
    given = [name for name, word in chosen.items() if word is not None]
    if given and what != "methods":
        raise UserError(f"list: --{given[0]} chooses methods; give `keras-kd list methods --{given[0]} WORD`")
    names = [what] if what else [*CATALOGUE]
    tables = {name: CATALOGUE[name](**(chosen if name == "methods" else {})) for name in names}
    return tables[what] if what else tables


def show(recipe: PathLike, settings: Settings = (), *, seed: int | None = None, smoke: bool = False) -> str:
    """A recipe with every default filled, as YAML. Runs no code: a term that names a class is shown as it is given.

    Args:
        recipe, settings, seed, smoke: as of `load_recipe`.

    Raises:
        UserError: every error of the file at once, a line each.

    Example:
        >>> "temperature: 4.0" in show("digits")
        True
    """
    from keras_kd.recipe.load import load
    from keras_kd.recipe.yaml_writer import write_yaml

    path = user_path(given_path(recipe, "recipe"), "recipe")
    loaded = load(path, overrides(settings, seed), smoke=smoke, notes=[], code=False)
    return write_yaml(loaded.dump()).rstrip()


def cite(recipe: PathLike, settings: Settings = (), *, code: bool = True) -> str:
    """BibTeX of the papers that a recipe relies on, its teachers' recipes included.

    Args:
        recipe, settings: as of `load_recipe`; the folder of a run stands for its recipe.
        code: runs the code of classes that its terms name, which say what they cite.

    Raises:
        UserError: every error of the file at once, a line each.

    Example:
        >>> cite("resnet56_to_resnet20").splitlines()[0]
        '# resnet56_to_resnet20.yaml: kd'
    """
    from keras_kd.recipe.cite import cite as bibtex_of

    return bibtex_of(user_path(given_path(recipe, "recipe"), "recipe"), overrides(settings, None), code=code).rstrip()


def new(name: PathLike, template: PathLike = "my_images") -> Path:
    """Copies a recipe, to edit it.

    Args:
        name: of the new file; `.yaml` is added where it is missing.
        template: the recipe that is copied, a path or a name.

    Returns:
        The file.

    Raises:
        UserError: there is such a file, it cannot be written, or there is no such recipe.

    Example:
        >>> new("mine.yaml", template="resnet56_to_resnet20")  # doctest: +SKIP
        PosixPath('mine.yaml')
    """
    from keras_kd.recipe.files import find

    target = _new_file(str(user_path(given_path(name, "name"), "name")))
    text = find(user_path(given_path(template, "template"), "template")).read_text(encoding="utf-8")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = open(target, "x", encoding="utf-8")
    except OSError as error:
        if os.path.lexists(target):
            raise UserError(f"{target}: exists already; give another name") from None
        raise UserError(f"{target}: cannot be written: {error.strerror}; give another name") from None
    try:
        with file:
            file.write(text)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def _new_file(name):
    """The file that `new` writes: never next to a folder of that name, and none without a name of its own."""
    if Path(name).is_dir() or name.endswith(("/", os.sep)):
        inside = Path(name) / "mine.yaml"
        raise UserError(f"new: {name} is a folder; give the name of a file, such as {inside}")
    if not Path(name).stem.strip(".~") or ends_in(Path(name).stem, RECIPE):
        raise UserError(f"new: {name!r} is no name of a file; give one, such as mine.yaml")
    return Path(name if ends_in(name, RECIPE) else f"{name}.yaml")


def validate(
    recipe: PathLike,
    settings: Settings = (),
    *,
    seed: int | None = None,
    smoke: bool = False,
    dry_run: bool = False,
    despite: Iterable[str] = (),
    code: bool = True,
) -> Checked:
    """Checks a recipe: all errors at once.

    Args:
        recipe, settings, seed, smoke: as of `load_recipe`.
        dry_run: also builds the models, looks at the teacher, says what a run costs.
        despite: as of `distill`, of a dry run.
        code: imports what the recipe names; a dry run needs it.

    Returns:
        dict: "recipe"; "notes", what it names that is not there yet; "plan", of a dry run, else None. It shows itself.

    Raises:
        UserError: every error, a line each.

    Example:
        >>> print(validate("digits"))
        digits: ok
    """
    from keras_kd.recipe.load import load
    from keras_kd.workflows.check_recipe import check_recipe

    despite = tuple(sorted(checked_despite(despite)))
    if despite and not dry_run:
        raise UserError("despite: is of what dry_run tries; give dry_run=True too")
    path, given = user_path(given_path(recipe, "recipe"), "recipe"), overrides(settings, seed)
    notes: list[str] = []
    loaded = load(path, given, smoke=smoke, notes=None if dry_run else notes, code=code)
    check_recipe(loaded, path, given, smoke=smoke, absent=bool(notes), code=code)
    plan = planned(loaded, path, smoke=smoke, code=code, despite=despite) if dry_run else None
    return Checked(recipe=str(recipe), notes=notes, plan=plan)


def planned(recipe: "Recipe", path: PathLike, *, smoke: bool, code: bool, despite: Iterable[str]) -> dict[str, Any]:
    """What a recipe will cost, and what a run of it would be told; without `code` what it names is not imported."""
    from keras_kd.utils.steps import step, telling
    from keras_kd.workflows.doctor.start import look_ahead
    from keras_kd.workflows.run.plan import plan

    name, folder = stem_of(path), run_folder(path, recipe.seed, smoke)

    def look():
        return look_ahead(recipe, folder, name=name, despite=despite, smoke=smoke)

    with (
        foreign_code.unended("dry run"),
        contextlib.nullcontext() if code else foreign_code.forbidden(NOT_RUN),
        telling(name),
    ):
        step("reading the data", tell=False)
        return plan(recipe, smoke=smoke, look=look)


def doctor(
    recipe: PathLike,
    settings: Settings = (),
    *,
    seed: int | None = None,
    smoke: bool = False,
    out: PathLike | None = None,
) -> Examination:
    """Examines a recipe before a run, or after one: why would it not help? Trains nothing.

    Args:
        recipe, settings, seed, smoke: as of `load_recipe`.
        out: the run folder; `saved_models/RECIPE` by default.

    Returns:
        dict, as `keras_kd.workflows.doctor.examine` gives it: "findings", "next", "finished". It shows itself.

    Raises:
        UserError: the recipe has errors, or its data cannot be read.

    Example:
        >>> [one["check"] for one in doctor("digits")["findings"] if one["outcome"] == "bad"]  # doctest: +SKIP
        []
    """
    loaded = load_recipe(recipe, settings, seed=seed, smoke=smoke)
    own = None if overrides(settings, seed) else loaded.seed
    folder = folder_of(out) or run_folder(recipe, loaded.seed, smoke, own)
    from keras_kd.workflows.doctor import examine

    return Examination(examine(loaded, folder, name=stem_of(recipe), smoke=smoke))


def compare(runs: "PathLike | Iterable[PathLike]", *, out: PathLike | None = None) -> "Rows":
    """Finished runs side by side: accuracy, size, latency, calibration, and which of them no other beats.

    Args:
        runs: their folders, or what `distill` gave.
        out: also writes a page with plots there, such as `compare.html`.

    Returns:
        A row a run, see `keras_kd.report.compare.rows_of`. They show themselves.

    Raises:
        UserError: a folder is no finished run, or is named twice, or `out` is no name of a page.

    Example:
        >>> compare(["saved_models/of_nothing"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: saved_models/of_nothing: no such run folder; ...
    """
    from keras_kd.report.compare import COLUMNS, cells_of, format_text, page, rows_of
    from keras_kd.report.notebook import Rows
    from keras_kd.utils.files import atomic_write

    if not isinstance(runs, str | os.PathLike | Iterable):
        raise UserError(f"runs: found {runs!r}; expected folders of runs")
    folders = [runs] if isinstance(runs, str | os.PathLike) else [*runs]
    folders = [os.fspath(one) if isinstance(one, os.PathLike) else one for one in folders]
    out = None if out is None else checked_page(user_path(out, "out"))
    rows = rows_of(folders)
    if out is not None:
        with atomic_write(out) as temporary:
            temporary.write_text(page(rows), encoding="utf-8")
    return Rows(rows, text=format_text, cells=lambda rows: (COLUMNS, cells_of(rows)))


def bench(
    files: "PathLike | Iterable[PathLike]",
    *,
    runs: int = 50,
    warm_up: int = 10,
    threads: int = 1,
    batches: Iterable[int] = (1, 8, 32),
    image_size: int | None = None,
    modules: str | Iterable[str] = (),
) -> "Rows":
    """Measures files: latency, throughput, memory, size, each in a process of its own.

    Of the folder of a run it keeps what it measured, for `compare`.

    Args:
        files: a file, or the folder of a run or of a SavedModel; or several.
        runs: timed, of one image; 3 or more.
        warm_up: runs before those.
        threads: 0 for the runtime's own choice.
        batches: images at once.
        image_size: where a file leaves the size of its images open.
        modules: of your own, that define layers of saved networks.

    Returns:
        A row a file. They show themselves.

    Raises:
        UserError: there is no such file, or it cannot be run.

    Example:
        >>> bench("saved_models/digits")[0]["latency_ms"]["median"]  # doctest: +SKIP
        0.05
    """
    from keras_kd.export.latency import cells_of, format_text, kind_of, measure
    from keras_kd.report.notebook import Rows
    from keras_kd.workflows.run.folder import is_run
    from keras_kd.workflows.run.open_run import know_modules_of

    _at_least(runs=(runs, 3), warm_up=(warm_up, 0), threads=(threads, 0), image_size=(image_size, 1))
    batches = tuple(batches) or (1, 8, 32)
    for one in batches:
        _at_least(batches=(one, 1))
    given = [files] if isinstance(files, str | os.PathLike) else [*files]
    if not given:
        raise UserError("files: is empty; give a file or the folder of a run")
    places = [str(user_folder(given_path(one, "files"), "files")) for one in given]
    named = files_to_measure(places)
    # A deployed file is measured where there is no Keras.
    if "keras" in {kind_of(file) for file in named}:
        know(modules)
        for one in places:
            if is_run_folder(one) and is_run(Path(one)):
                know_modules_of(one)
    asked = {"runs": runs, "warm_up": warm_up, "threads": threads or None, "batches": batches}
    asked["image_size"] = image_size and (image_size, image_size)
    rows = [measure(file, **asked) for file in named]
    if len(places) == 1:
        keep_measured(places[0], rows)
    return Rows(rows, text=format_text, cells=cells_of)


def files_to_measure(places):
    """The files that `bench` measures of what it is given: of a run's folder all that are in it."""
    from keras_kd.export.latency import files_in

    named = []
    for one in places:
        inside = files_in(one) if is_run_folder(one) else [one]
        if not inside:
            raise UserError(f"{one}: a folder without a model; give a run, a file, or the folder of a SavedModel")
        named += inside
    return named


def is_run_folder(file):
    """Whether a path is a folder of a run, not one that is itself a SavedModel."""
    return Path(file).is_dir() and not (Path(file) / "saved_model.pb").exists()


def keep_measured(folder, rows):
    """Keeps what was measured of all files of a run next to them; of another place nothing."""
    from keras_kd.workflows.run.deliver import keep_bench
    from keras_kd.workflows.run.folder import is_run

    if is_run_folder(folder) and is_run(Path(folder)):
        keep_bench(folder, rows)


def _at_least(**given):
    for name, (value, least) in given.items():
        if value is None and name == "image_size":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"{name}: found {value!r}; expected a whole number, {least} or more")
