"""What commands are given, in Python or a shell: the checks of it, and the folders where none is given."""

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from keras_kd.data.sources.decode import RESIZED
from keras_kd.report.soundness import refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, ends_in, user_folder, user_path

PathLike: TypeAlias = str | os.PathLike[str]
# {"fit.epochs": 3}, or as `--set` has it: ["fit.epochs=3"].
Settings: TypeAlias = Mapping[str, object] | Iterable[str]

RUNS = Path("saved_models")
PIXELS = ("pixels", "unit", "symmetric", "standard")


def stem_of(recipe: PathLike) -> str:
    """The name of a recipe: that of its file.

    Example:
        >>> stem_of("recipes/digits.yaml")
        'digits'
    """
    from keras_kd.recipe.files import find

    return find(recipe).stem


def run_folder(recipe: PathLike, seed: int, smoke: bool, own: int | None = None) -> Path:
    """Where the run of a recipe lies by default: of a seed other than its own, and of a smoke run, a folder apart.

    Args:
        recipe: its path or name.
        seed: of the run.
        smoke: whether it is shrunk.
        own: the seed that the file itself gives, where that is known; it is read otherwise.

    Example:
        >>> run_folder("digits", seed=1, smoke=False).as_posix()
        'saved_models/digits-seed1'
    """
    from keras_kd.recipe.folders import run_name
    from keras_kd.recipe.load import load

    if own is None:
        own = load(recipe, notes=[], code=False).seed
    return RUNS / run_name(stem_of(recipe), seed, own, smoke)


def search_folder(recipe: PathLike, seed: int, smoke: bool) -> Path:
    """Where the search of a recipe lies by default.

    Example:
        >>> search_folder("digits", seed=0, smoke=False).as_posix()
        'saved_models/digits-search'
    """
    run = run_folder(recipe, seed, smoke)
    return run.with_name(f"{run.name}-search")


def study_folder(name: PathLike, smoke: bool) -> Path:
    """Where a study lies by default.

    Example:
        >>> study_folder("label_noise", smoke=True).as_posix()
        'saved_models/study-label_noise-smoke'
    """
    from keras_kd.utils.file_names import file_name
    from keras_kd.workflows.study.study_file import find_study

    return RUNS / f"study-{file_name(find_study(name).stem)}{'-smoke' if smoke else ''}"


def command_of(recipe: PathLike, settings: Iterable[str], seed: int | None, smoke: bool, out: PathLike | None) -> str:
    """How a run is asked for in a shell, without what shrinks it; paths from here, as a page is read elsewhere.

    Args:
        recipe, seed, smoke, out: as of `distill`.
        settings: as `overrides` gives them, without the seed.

    Example:
        >>> command_of("digits", ["fit.epochs=3"], 1, False, None)
        'keras-kd distill digits --set fit.epochs=3 --seed 1'
    """
    shown = [os.path.relpath(one) if os.path.isabs(one) else str(one) for one in (recipe, out or "")]
    words = ["keras-kd", "distill", shown[0], *(word for one in settings for word in ("--set", one))]
    words += [] if seed is None else ["--seed", str(seed)]
    # The folder of a shortened run is not that of a whole one.
    words += ["--out", shown[1]] if out and not smoke else []
    return shlex.join(words)


def export_folder(file: PathLike, out: PathLike | None = None) -> Path:
    """Where the exported files of a Keras model lie: as it is given, or a folder with its name here.

    Example:
        >>> export_folder("models/teacher.keras").as_posix()
        'teacher-exported'
    """
    from keras_kd.utils.file_names import file_name

    return folder_of(out) or Path(f"{file_name(Path(file).stem)}-exported")


def search_settings(trials: int | None, hours: float | None, tuner: str | None) -> list[str]:
    """What a search is given in addition to its recipe, as overrides of the recipe.

    Example:
        >>> search_settings(5, None, "grid")
        ['search.trials=5', 'search.tuner=grid']
    """
    given = {"trials": trials, "hours": hours, "tuner": tuner}
    return [f"search.{key}={value}" for key, value in given.items() if value is not None]


def is_model_file(run: PathLike) -> bool:
    """Whether a path is a Keras model rather than a run folder."""
    return ends_in(run, KERAS) and not Path(run).is_dir()


def checked_model(file: PathLike, data: str | None, pixels: str, spelled: Callable[[str], str] = str) -> str:
    """The dataset that a Keras model is measured on, once what was given with the model is seen to be right.

    Args:
        file: of the model.
        data, pixels: as of `evaluate`.
        spelled: how an argument is called in errors.
    """
    if data is None:
        raise UserError(
            f"{file}: give {spelled('data')} NAME, the dataset to measure it on; `keras-kd list datasets` names some"
        )
    given_path(data, spelled("data"))
    if pixels not in PIXELS:
        raise UserError(f"{spelled('pixels')}: no {pixels!r}; expected one of {', '.join(PIXELS)}")
    from keras_kd.data import is_path

    return user_path(data, spelled("data")) if is_path(data) else data


def of_a_file_alone(run: PathLike, given: Mapping[str, object], spelled: Callable[[str], str] = str) -> None:
    """Refuses for a run what says how a Keras model is measured, since its recipe does; and a file that is no run.

    Args:
        run: the run folder.
        given: {argument: what was given}, where it is not the default.
        spelled: how an argument is called in errors.
    """
    if Path(run).is_file():
        refuse_no_folder(run)
    for name in given:
        raise UserError(
            f"{spelled(name)}: is of a .keras file; of {run} its recipe says it; leave it out, or give the file of its "
            "student"
        )


def sized(image_size: int | None, resize: str | None, spelled: Callable[[str], str] = str) -> dict[str, object]:
    """To what size the images of a `.keras` file's data are brought and how, as options of `keras_kd.data.load`.

    Args:
        image_size: in pixels, or None.
        resize: how, or None for the usual way.
        spelled: how an argument is called in errors.

    Example:
        >>> sized(32, None), sized(32, "crop")
        ({'image_size': 32}, {'image_size': 32, 'resize': 'crop'})
    """
    if resize is None:
        return {"image_size": image_size}
    if resize not in RESIZED:
        raise UserError(f"{spelled('resize')}: found {resize!r}; expected one of {', '.join(RESIZED)}")
    if image_size is None:
        size = spelled("image_size").replace("_", "-" if spelled is not str else "_")
        raise UserError(f"{spelled('resize')}: no image is resized; give {size}, or leave it out")
    return {"image_size": image_size, "resize": resize}


def checked_formats(formats: Iterable[str], where: str = "formats") -> tuple[str, ...]:
    """Formats of exported files, all of which are there; `where` names the argument in errors."""
    from keras_kd.export.formats import FORMATS

    if not isinstance(formats, Iterable):
        raise UserError(f"{where}: found {formats!r}; expected names of formats, such as ['onnx']")
    formats = tuple(formats)
    for one in formats:
        if one not in FORMATS:
            raise UserError(f"{where}: no format {one!r}; expected one of {', '.join(FORMATS)}")
    return formats


def checked_page(out: PathLike, where: str = "out") -> PathLike:
    """Where `compare` may write its page; `where` names the argument in errors."""
    from keras_kd.report.compare import refuse_foreign_page

    if Path(out).suffix not in (".html", ".htm"):
        raise UserError(f"{where}: found {out}; expected a name that ends in .html: the page is written there")
    refuse_foreign_page(out)
    return out


def folder_of(out: PathLike | None) -> Path | None:
    """The folder that a user names, or None."""
    return None if out is None else Path(user_folder(given_path(out, "out"), "out"))


def given_path(given: object, where: str) -> PathLike:
    """A path or a name as it was given; anything else is refused."""
    if not isinstance(given, str | os.PathLike):
        raise UserError(f"{where}: found {given!r}; expected a path or a name")
    return given


def overrides(settings: "Settings", seed: int | None) -> list[str]:
    """Settings and a seed as `--set` has them."""
    if isinstance(settings, Mapping):
        settings = [f"{path}={json.dumps(value, ensure_ascii=False, default=str)}" for path, value in settings.items()]
    settings = [settings] if isinstance(settings, str) else list(settings)
    for one in settings:
        if not isinstance(one, str):
            raise UserError(f"settings: found {one!r}; expected {{'fit.epochs': 3}} or ['fit.epochs=3']")
    # One seed that is asked for is the only one.
    return settings if seed is None else [*settings, f"seed={seed}", "seeds=[]"]
