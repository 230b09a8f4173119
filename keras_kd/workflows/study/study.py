"""A study: a grid of recipes run with several seeds, one table and one set of plots made of their reports."""

import glob
import json
import subprocess
import tempfile
import time
from pathlib import Path

from keras_kd.recipe.folders import RunFolder, study_run_folder
from keras_kd.report.study_page import as_markdown, page
from keras_kd.utils import child_process
from keras_kd.utils.account import CHANGED, changes
from keras_kd.utils.children import end
from keras_kd.utils.errors import FolderLockedError, NonFiniteLoss, UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.now import tell_all
from keras_kd.utils.ownership import held, within
from keras_kd.utils.steps import step, telling
from keras_kd.workflows.restart import empty_folder, of_earlier_runs
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.baseline import digest_of
from keras_kd.workflows.run.dry_run import about_data, dry_run
from keras_kd.workflows.run.folder import no_banks_here
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.study.results import result_of
from keras_kd.workflows.study.study_file import cells as cells_of
from keras_kd.workflows.study.study_file import load_study, slug, write_recipes

PAUSE = 2.0
RESULTS = ("grid.json", "study.json", "study.md", "study.html")


def study(
    name, folder, *, settings=(), seeds=None, smoke=False, restart=False, jobs=1, quiet=False, log=None, joins=False
):
    """Runs a study to its end and writes `study.json`, `study.md`, `study.html`.

    Runs that are there are not run again, equal cells share a run, and all share teachers and banks. Several processes
    may work on one study: the same command, given twice, or `jobs`.

    Args:
        name: of a ready study, or the path of a file.
        folder: of the study; made if missing.
        settings: overrides of every cell's recipe.
        seeds: instead of the study's.
        smoke: shrinks everything, to see that it works.
        restart: throws away what is in the folder.
        jobs: processes that work on it.
        quiet: no progress.
        log: called with a line about what goes on.
        joins: this is one of those processes: it writes nothing but runs.

    Returns:
        The `StudyResult`, as `study.json` holds it; None where it `joins`.

    Raises:
        UserError: what the user can fix.

    Example:
        keras-kd study label_noise --jobs 2
    """
    folder, log = Path(folder), log or (lambda line: None)
    spec = load_study(name)
    seeds = tuple(seeds or spec.seeds)[: 1 if smoke else None]
    no_banks_here(folder)
    with _held(folder, spec, wait=True, log=False, restart=restart) as owned:
        if restart:
            _begin_again(owned, spec, settings, seeds, smoke)
        _recipes_unchanged(folder)
        grid = _same_study(folder, spec, settings, smoke)
        cells = write_recipes(spec, folder, settings, smoke)
        runs = _runs(cells, seeds, folder)
        if not joins:
            _dry_run(runs, smoke)
        with atomic_write(folder / "grid.json") as temporary:
            temporary.write_text(grid, encoding="utf-8")
    others = []
    try:
        if not joins:
            others.extend(_others(jobs - 1, name, folder, settings, seeds, smoke))
        with within(owned):
            with telling(f"study {Path(name).stem}", quiet):
                failed = _run_all(runs, smoke=smoke, quiet=quiet, log=log)
        for one in others:
            one.wait()
    finally:
        end(others)
    if joins:
        return None
    result = result_of(name, spec, cells, seeds, runs, failed)
    with _held(folder, spec, wait=True):
        _write(folder, result)
    return result


def _write(folder, result):
    texts = {
        "study.json": json.dumps(result.as_json(), indent=1) + "\n",
        "study.md": as_markdown(result),
        "study.html": page(result),
    }
    for file, text in texts.items():
        with atomic_write(folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _held(folder, spec, **options):
    """The folder of a study, held; see `keras_kd.utils.ownership.held`."""
    recipes = [f"recipes/{name}.yaml" for name in (*spec.recipes, *(slug(cell) for cell in cells_of(spec)))]
    return held(folder, "study", names=[*RESULTS, *recipes], earlier=of_earlier_version, **options)


def of_earlier_version(folder):
    """The names of what an earlier version of keras_kd made in the folder of a study; None where it made none."""
    try:
        said = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or set(said) != {"study", "settings", "smoke"}:
        return None
    recipes = [path for path in sorted((folder / "recipes").glob("*.yaml")) if not path.is_symlink()]
    found = [name for name in RESULTS if (folder / name).is_file()]
    found += [f"recipes/{path.name}" for path in recipes]
    for path in recipes:
        found += of_earlier_runs(folder, f"{glob.escape(path.stem)}-seed*")
    return found


def _begin_again(owned, spec, settings, seeds, smoke):
    """Throws away what a study made, once it is seen that it can be begun again."""
    with tempfile.TemporaryDirectory() as aside:
        cells = write_recipes(spec, aside, settings, smoke)
        _dry_run(_runs(cells, seeds, Path(aside)), smoke)
        for data in {repr(recipe.data): recipe for _, _, recipe in cells}.values():
            load_data(data)
    empty_folder(owned, maker="keras-kd for this study")


def _recipes_unchanged(folder):
    """Refuses to write over recipes of cells that somebody has changed."""
    for name, state in changes(folder).items():
        if state == CHANGED and name.startswith("recipes/"):
            raise UserError(
                f"{folder / name}: was changed since the study made it of its file; change that one, and delete this, "
                "or begin again with --restart"
            )


def _same_study(folder, spec, settings, smoke):
    """The text of `grid.json`; refuses a folder that holds another study.

    What it asks of the reports, and its seeds, may change.
    """
    told = {
        "study": spec.model_dump(mode="json", include={"recipes", "base", "axes"}),
        "settings": list(settings),
        "smoke": smoke,
    }
    path = folder / "grid.json"
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(told)):
            raise UserError(
                f"{folder}: holds a study of other recipes or settings; give another --out, or --restart to throw it "
                "away"
            )
    return json.dumps(told, indent=1) + "\n"


def _runs(cells, seeds, folder):
    """{(cell's name, seed): (`Recipe`, folder)}; cells that train the same have one folder."""
    places, runs = {}, {}
    for seed in seeds:
        for _, name, recipe in cells:
            one = recipe.with_seed(seed)
            place = places.setdefault((digest_of(one), seed), study_run_folder(folder, name, seed))
            runs[name, seed] = one, place
    return runs


def _dry_run(runs, smoke):
    """What does not fit in any cell is found before hours go into the others."""
    missing = {name: recipe for (name, _), (recipe, place) in runs.items() if not RunFolder(place).student.exists()}
    errors = []
    for name, recipe in missing.items():
        try:
            dry_run(recipe, about_data(recipe), smoke)
        except UserError as error:
            errors.append(f"cell {name}: {error}")
    if errors:
        raise UserError("\n".join(errors))


def _run_all(runs, *, smoke, quiet, log):
    """Trains what is not there; {folder: why it has no student}."""
    waiting, failed = {place: (name, seed, recipe) for (name, seed), (recipe, place) in runs.items()}, {}
    count, begun = len(waiting), time.monotonic()
    told = set()
    while waiting:
        moved = False
        for place, (name, seed, recipe) in list(waiting.items()):
            step(f"run {len(told | {place})} of {count}: {name}, seed {seed}", tell=place not in told)
            tell_all(command=None, run=len(told | {place}), runs=count)
            told.add(place)
            try:
                run.distill(recipe, place, name=f"{name}, seed {seed}", smoke=smoke, quiet=True, wait_for=())
            except FolderLockedError:
                # It, or its teacher, is trained by another process: there is other work meanwhile.
                continue
            except NonFiniteLoss as error:
                failed[place] = str(error)
            del waiting[place]
            moved = True
            minutes = (time.monotonic() - begun) / 60
            if not quiet:
                log(f"{count - len(waiting)} of {count} runs  {name}, seed {seed}  {minutes:.1f} min")
        if not moved:
            time.sleep(PAUSE)
    return failed


def _others(count, name, folder, settings, seeds, smoke):
    """Processes that work on the same study."""
    command = child_process.command("keras_kd.cli", "study", name, "--out", folder)
    command += [word for setting in settings for word in ("--set", setting)]
    command += [word for seed in seeds for word in ("--seed", str(seed))] + ["--joins", "--quiet"] + ["--smoke"] * smoke
    for _ in range(count):
        yield subprocess.Popen(command, stdout=subprocess.DEVNULL, env=child_process.environment())
