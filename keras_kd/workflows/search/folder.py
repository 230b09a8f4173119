"""The folder of a search: its files, holding it, and what is refused to be gone on with."""

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

from keras_kd.recipe.old_names import with_new_names
from keras_kd.recipe.yaml_reader import read_yaml
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.report.soundness import changed_in
from keras_kd.utils.account import CHANGED, changes
from keras_kd.utils.errors import UserError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.files import atomic_write
from keras_kd.utils.ownership import held
from keras_kd.workflows.restart import of_earlier_runs

KIND = "search"


class SearchFolder(NamedTuple):
    """The files of a search."""

    path: Path

    trials = property(lambda self: self.path / "trials")
    result = property(lambda self: self.path / "search.json")
    page = property(lambda self: self.path / "search.html")
    settled = property(lambda self: self.path / "search.yaml")

    def best(self, name):
        """The recipe that won."""
        return self.path / f"{file_name(name)}.best.yaml"


def hold_search(files, name, restart):
    """The folder of a search, held; see `keras_kd.utils.ownership.held`."""
    names = ["search.json", "search.html", "search.yaml", "seconds.json", files.best(name).name]
    names += ["tuner/oracle.json", "tuner/tuner0.json"]
    return held(files.path, KIND, names=names, earlier=of_earlier_version, restart=restart)


def of_earlier_version(folder):
    """The names of what an earlier version of keras_kd made in the folder of a search; None where it made none."""
    try:
        said, _ = read_yaml((folder / "search.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or "search" not in said or not (folder / "tuner").is_dir():
        return None
    own = ("search.*", "seconds.json", "*.best.yaml", "tuner/*.json", "tuner/trial_*/trial.json", "trials/*/trial.json")
    found = [path for pattern in own for path in sorted(folder.glob(pattern))]
    names = [path.relative_to(folder).as_posix() for path in found if path.is_file() and not path.is_symlink()]
    return [*names, *of_earlier_runs(folder, "trials/*/seed*")]


def refuse_changed_trials(owned):
    """Refuses to go on with trials that are not as they were written; what is made of them is made again anyway."""
    found = [name for name, state in changes(owned.folder).items() if state == CHANGED]
    lost = [name for name in found if name.startswith(("tuner/", "trials/")) or name == "search.yaml"]
    for trial in sorted((owned.folder / "trials").glob("*/seed*")):
        lost += [f"{trial.relative_to(owned.folder).as_posix()}/{name}" for name in changed_in(trial)]
    if lost:
        raise UserError(
            f"{owned.folder / lost[0]}: is not as it was written (damaged, or changed by somebody); put it back, or "
            "begin again with --restart"
        )


def refuse_other_search(files, recipe, spec, space):
    """Refuses a folder with a search of something else; more trials or hours may be asked for."""
    plain = recipe.dump()
    searched = {key: value for key, value in spec.model_dump(mode="json").items() if key not in ("trials", "hours")}
    searched["space"] = [[one.path, one.kind, list(one.values), one.sampling, one.step] for one in space]
    now = {
        "recipe": {key: value for key, value in plain.items() if key not in ("export", "search")},
        "search": searched,
    }
    now = json.loads(json.dumps(now))
    if files.settled.exists():
        with contextlib.suppress(ValueError, OSError, KeyError, TypeError, AttributeError):
            then, _ = read_yaml(files.settled.read_text(encoding="utf-8"))
            if {**then, "recipe": with_new_names(then["recipe"])} == now:
                return
        raise UserError(
            f"{files.path}: holds a search of other settings; give another --out, or --restart to throw it away"
        )
    with atomic_write(files.settled) as temporary:
        temporary.write_text(write_yaml(now), encoding="utf-8")
