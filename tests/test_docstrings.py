"""Every example in a docstring runs and gives what it says; every public thing has a docstring."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "keras_kd"
OTHER_BACKEND = {"keras_kd.backend.jax", "keras_kd.backend.tensorflow"}
MODULES = sorted(
    ".".join(("keras_kd", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"
)


# Stand in the place of other modules, whose examples are run under their own names.
OLD_NAMES = {"keras_kd.errors", "keras_kd.int8_simulation", "keras_kd.laws", "keras_kd.metrics"}


@pytest.mark.parametrize("name", [name for name in MODULES if name not in OTHER_BACKEND | OLD_NAMES])
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def undocumented():
    for name in MODULES:
        path = PACKAGE.joinpath(*name.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_text())
        public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        for node in (tree, *(one for one in public if not one.name.startswith("_"))):
            if not ast.get_docstring(node):
                yield f"{name}.{getattr(node, 'name', '')}"


def test_everything_public_is_documented():
    assert len(MODULES) > 200 and list(undocumented()) == []
