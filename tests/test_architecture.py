"""The shape of the house: who may import whom, who may name a backend, what a start of the command line costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "keras_kd"
FILES = sorted(PACKAGE.rglob("*.py"))

# Each file may import those of its own level and below.
LEVELS = [
    {"command", "__main__"},
    {"cli"},
    {"catalogue", "cite", "evaluate", "latency", "plan"},
    {"search"},
    {"study"},
    {"banks", "search_space", "tuner", "claim"},
    {"doctor"},
    {"run"},
    {"hand_over", "inputs"},
    {"run_report"},
    {"int8_fine_tuning", "measurement", "run_folder"},
    {
        "baseline",
        "rehearsal",
        "training",
        "banking",
        "networks",
        "teachers",
        "evidence",
        "attacks",
        "attention",
        "invariance",
    },
    {"study_file"},
    {"recipe"},
    {"recipe_file", "recipe_teacher", "schema", "wording", "laws"},
    {"distiller", "bank", "report", "report_page", "predictions_file", "export", "bench", "accuracy"},
    {"resume", "history", "progress", "schedule", "non_finite", "optimizers", "taps", "output_check", "glue"}
    | {"int8_simulation"},
    {"methods", "metrics", "models", "data", "backend"},
    {
        "page",
        "page_evidence",
        "markdown",
        "report_reading",
        "report_tables",
        "search_page",
        "study_page",
        "compare",
        "plots",
        "summary",
        "citations",
        "generations",
        "by_epoch",
        "trust",
        "quiet",
        "foreign_code",
        "child_process",
        "files",
        "file_names",
        "account",
        "ownership",
        "soundness",
        "lazy",
        "paths",
        "stopping",
        "children",
        "errors",
    }
    | {"__init__", "model_card"},
]
NAMES_A_BACKEND = {"backend", "data", "export.py"}


def level(part):
    return next(number for number, parts in enumerate(LEVELS) if part in parts)


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree):
    """The modules that a file imports, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "keras_kd":
                yield from (f"keras_kd.{alias.name}" for alias in node.names)


def test_every_file_has_a_level():
    for path in FILES:
        level(part_of(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path):
    if path == PACKAGE / "__init__.py":
        return
    for module in imported(ast.parse(path.read_text())):
        if module.startswith("keras_kd."):
            part = module.split(".")[1]
            if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists():
                assert level(part) >= level(part_of(path)), f"{path.name} imports {module}, which is above it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_a_few_files_name_a_backend(path):
    if path.relative_to(PACKAGE).parts[0] in NAMES_A_BACKEND:
        return
    modules = {module.split(".")[0] for module in imported(ast.parse(path.read_text()))}
    assert not modules & {"tensorflow", "tensorflow_datasets", "jax", "flax", "torch"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_package_asserts_nothing_and_asks_no_object_what_it_has(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert "hasattr" not in {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))


def test_the_lower_levels_never_see_a_recipe():
    for path in FILES:
        if level(part_of(path)) > level("schema"):
            assert not {"keras_kd.recipe", "keras_kd.schema"} & set(imported(ast.parse(path.read_text()))), path


@pytest.mark.parametrize(
    "command", [["--help"], ["validate", "recipes/resnet56_to_resnet20.yaml"], ["list"], ["show", "digits"]]
)
def test_what_only_reads_imports_no_heavy_library(command):
    heavy = ("keras", "tensorflow", "jax", "sklearn", "PIL", "tensorflow_datasets", "rich")
    code = (
        "import sys\n"
        "from keras_kd.cli import commands\n"
        "try:\n"
        f"    commands({command!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code\n"
        f"print([name for name in {heavy!r} if name in sys.modules], code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout.splitlines()[-1] == "[] 0", done.stdout + done.stderr
