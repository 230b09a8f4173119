"""What of some folders can be compared: runs, the winner of a search, the cells of a study; and why others cannot."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from keras_kd.report.fields import entries, get_path, parts
from keras_kd.report.soundness import refuse_changed, refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_path


class ComparedRun(NamedTuple):
    """A run of a comparison."""

    name: str  # as it is called in the table
    folder: Path
    report: dict
    seeds: dict  # "mean", "std", "n" of its top-1 over seeds, where it has several


class _PassedOver(Exception):
    """Why a folder is passed over."""


def runs_in(folders):
    """The runs of some folders, and what is passed over.

    Args:
        folders: of runs, searches, studies; others are passed over.

    Returns:
        ([`ComparedRun`], [why a folder was passed over, in words]).

    Raises:
        UserError: a folder is not there, is named twice, was changed, or in none of them is a finished run.
    """
    folders = [Path(user_path(one, "compare")) for one in folders]
    if len({one.resolve() for one in folders}) < len(folders):
        raise UserError("compare: a run is named twice; name each once")
    runs, passed, seen = [], [], set()
    for folder in folders:
        if not folder.exists():
            refuse_no_folder(folder)
        try:
            for one in _runs_of(folder):
                if one.folder.resolve() not in seen:
                    seen.add(one.folder.resolve())
                    runs.append(one)
        except _PassedOver as why:
            passed.append(f"{folder}: {why}")
    if not runs:
        refuse_no_folder(folders[0])
        raise UserError(passed[0])
    return runs, passed


def _runs_of(folder):
    """The runs that a folder stands for: its own, those of the winner of a search, one a cell of a study."""
    if folder.is_file():
        raise _PassedOver("a file, and not the folder of a run")
    if (folder / "search.json").is_file():
        return _of_search(folder)
    if (folder / "study.json").is_file():
        return _of_study(folder)
    found = read(folder / "report.json")
    if not isinstance(found, dict):
        raise _PassedOver(_what_it_is(folder))
    return [_run(str(folder), folder, found, parts(found, "verdict", "top1"))]


def _run(name, folder, found, seeds):
    """A `ComparedRun` once it is seen to be sound."""
    if found.get("smoke"):
        raise _PassedOver("a shortened run, whose numbers are no result")
    refuse_changed(folder)
    if not parts(found, "student") or not parts(found, "cost"):
        raise _PassedOver("no finished run (no report.json that can be read); `keras-kd distill RECIPE` makes one")
    return ComparedRun(name, folder, found, seeds if (seeds.get("n") or 0) > 1 else {})


def _of_search(folder):
    runs = entries(read(folder / "search.json"), "winner", "runs")
    names = [get_path(one, "run") for one in runs]
    places = [folder / name for name in names if name and (folder / name).is_dir()]
    if not places:
        raise _PassedOver("a search without a trained winner; its table is search.html")
    return _runs_of(Path(os.path.normpath(places[0])))


def _of_study(folder):
    """A run for each cell: that of its first seed, with the mean over all."""
    found = []
    for cell in entries(read(folder / "study.json"), "cells"):
        places = [folder / name for name in (cell.get("runs") or {}).values()]
        place = next((one for one in places if isinstance(read(one / "report.json"), dict)), None)
        if place is None:
            continue
        name = f"{folder}, " + ", ".join(f"{value}" for value in (cell.get("cell") or {}).values())
        seeds = parts(cell, "figures", "student.top1")
        found.append(_run(name, place, read(place / "report.json"), seeds))
    if not found:
        raise _PassedOver("a study of which no run is finished")
    return found


def _what_it_is(folder):
    """What a folder is that holds no report."""
    if (folder / "recipe.yaml").is_file():
        return "a run that is not finished; `keras-kd distill` of its recipe resumes it"
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if any((one / "about.json").is_file() for one in inside):
        return "what teachers have said (banks), and no run"
    if any((one / "report.json").is_file() for one in inside):
        return f"holds runs, and is none; compare them as {folder}/*"
    return "no finished run (no report.json that can be read); `keras-kd distill RECIPE` makes one"


def read(path):
    """What a JSON file holds; None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def latency_of(run, file):
    """(milliseconds of one image through a file of a run, where it was measured), as `bench` or the run did.

    Args:
        run: a `ComparedRun`.
        file: its name in the folder of the run.

    Returns:
        (median or None, a text that is the same for what can be compared).
    """
    for row in entries({"rows": read(run.folder / "bench.json")}, "rows"):
        if Path(get_path(row, "file") or "").name == Path(file).name:
            where = f"{get_path(row, 'kind')}, {get_path(row, 'threads')} threads, {get_path(row, 'device')}"
            return get_path(row, "latency_ms", "median"), where
    known = parts(run.report, "environment")
    machine = f"{known.get('cores')} CPU cores, {known.get('platform')}"
    for one in entries(run.report, "exports"):
        if get_path(one, "file") == file and get_path(one, "latency", "median") is not None:
            kind = str(one.get("format")).partition("_")[0] if one.get("format") != "saved_model" else "saved_model"
            return one["latency"]["median"], f"{kind}, {get_path(one, 'latency', 'threads')} threads, {machine}"
    if file == "student.keras":
        latency = parts(run.report, "latency")
        where = f"{latency.get('runtime')}, {latency.get('device')}, {machine}"
        return get_path(latency, "student", "median"), where
    return None, None
