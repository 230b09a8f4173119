"""What is installed: the source distribution makes a wheel, the wheel has the recipes, all without a network."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

import keras_kd

ROOT = Path(__file__).parent.parent
RECIPES = {path.relative_to(ROOT / "recipes").as_posix() for path in (ROOT / "recipes").rglob("*.yaml")}
BUILD = "from setuptools import build_meta; print(build_meta.build_{}('dist'))"


def run(*command, cwd, **environment):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_version_stands_in_one_place_and_in_the_changes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "keras_kd.__version__"}
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert any(keras_kd.__version__ in heading for heading in headings) or headings[0] == "Unreleased"


@pytest.fixture(scope="module")
def installed(made_once):
    """A folder into which the wheel of the source distribution of this checkout was installed."""

    def fill(folder):
        setuptools = importlib.metadata.version("setuptools")
        if int(setuptools.split(".")[0]) < 77:
            pytest.skip(f"setuptools {setuptools} cannot build this; pip install -e '.[dev]' brings one that can")
        checkout = folder / "checkout"
        # setuptools leaves its own folders in what it builds.
        for name in ("keras_kd", "recipes"):
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, checkout)
        source = run(sys.executable, "-c", BUILD.format("sdist"), cwd=checkout).splitlines()[-1]
        # The first releases of Python 3.11 have no filters.
        filtered = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(checkout / "dist" / source) as archive:
            archive.extractall(folder / "unpacked", **filtered)
        (unpacked,) = (folder / "unpacked").iterdir()
        wheel = run(sys.executable, "-c", BUILD.format("wheel"), cwd=unpacked).splitlines()[-1]
        pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", "--target", "there"]
        run(*pip, unpacked / "dist" / wheel, cwd=folder)

    return made_once("packaging", fill)[0] / "there"


@pytest.mark.slow
def test_an_installed_package_has_its_recipes(installed, tmp_path):
    library = installed / "keras_kd" / "recipe" / "library"
    assert {path.relative_to(library).as_posix() for path in library.rglob("*.yaml")} == RECIPES
    lines = run(sys.executable, "-m", "keras_kd", "list", "recipes", cwd=tmp_path, PYTHONPATH=str(installed))
    assert {line.split()[0] for line in lines.splitlines()[1:]} == {Path(name).stem for name in RECIPES}
    shown = run(sys.executable, "-m", "keras_kd", "show", "digits", cwd=tmp_path, PYTHONPATH=str(installed))
    assert shown.startswith("data:")


@pytest.mark.slow
def test_an_installed_package_has_every_file_of_the_checkout(installed):
    def files(folder):
        kept = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(folder).as_posix() for path in kept}

    library = {f"recipe/library/{name}" for name in RECIPES}
    assert files(installed / "keras_kd") == files(ROOT / "keras_kd") | library
