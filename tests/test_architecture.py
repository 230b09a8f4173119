"""The shape of the house: which room imports which, who names a backend, what a start of the command line costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "keras_kd"
FILES = sorted(PACKAGE.rglob("*.py"))

# A room imports from the floors below its own, never from a room of its own floor.
FLOORS = [
    {"cli"},
    {"workflows"},
    {"recipe"},
    {"report", "training"},
    {"methods", "evaluation", "export", "bank"},
    {"models", "data"},
    {"backend"},
    {"utils"},
]
# The package's face, the way in, and where names stood before: they may import from any room.
DOORS = {"__init__.py", "__main__.py", "errors.py", "laws.py", "int8_simulation.py", "metrics.py"}
NAMES_A_BACKEND = {"backend", "data", "export"}
# Parsed and walked once for all tests.
NODES = {path: list(ast.walk(ast.parse(path.read_text()))) for path in FILES}


def floor(room):
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0]


def imported(nodes):
    """The modules that a file imports, those inside functions too."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "keras_kd":
                yield from (f"keras_kd.{alias.name}" for alias in node.names)


def rooms_imported(path):
    for module in imported(NODES[path]):
        parts = module.split(".")
        if parts[0] == "keras_kd" and len(parts) > 1 and (PACKAGE / parts[1]).is_dir():
            yield parts[1], module


def relative(path):
    return str(path.relative_to(PACKAGE))


def for_every(files):
    """Makes of a check of one file a test of all, which names each file that fails: a test a file takes longer to begin
    than to run."""

    def test_of(check):
        def test():
            failed = []
            for path in files:
                try:
                    check(path)
                except AssertionError as error:
                    failed.append(f"{relative(path)}: {error}")
            assert not failed, "\n".join(failed)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return test_of


def test_every_file_is_in_a_room():
    assert {room_of(path) for path in FILES} == set().union(*FLOORS) | DOORS


@for_every([path for path in FILES if room_of(path) not in DOORS])
def test_imports_only_go_down(path):
    here = room_of(path)
    for room, module in rooms_imported(path):
        assert room == here or floor(room) > floor(here), f"{relative(path)} imports {module}, which is not below it"


@for_every([path for path in FILES if room_of(path) not in NAMES_A_BACKEND])
def test_only_a_few_rooms_name_a_backend(path):
    modules = {module.split(".")[0] for module in imported(NODES[path])}
    assert not modules & {"tensorflow", "tensorflow_datasets", "jax", "flax", "torch"}


@for_every(FILES)
def test_the_package_asserts_nothing_and_asks_no_object_what_it_has(path):
    nodes = NODES[path]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    assert "hasattr" not in {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert not any(isinstance(node, ast.Assert) for node in nodes)


@pytest.mark.parametrize(
    "command", [["--help"], ["validate", "recipes/resnet56_to_resnet20.yaml"], ["list"], ["show", "digits"]]
)
def test_what_only_reads_imports_no_heavy_library(command):
    heavy = ("keras", "tensorflow", "jax", "sklearn", "PIL", "tensorflow_datasets", "rich")
    code = (
        "import sys\n"
        "from keras_kd.cli.main import commands\n"
        "try:\n"
        f"    commands({command!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code\n"
        f"print([name for name in {heavy!r} if name in sys.modules], code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout.splitlines()[-1] == "[] 0", done.stdout + done.stderr


# What Keras does not promise: used in one file, where a test asks the installed Keras for each.
PRIVATE_TO_KERAS = {
    "_run_through_graph",
    "_aggregate_additional_loss",
    "_compile_metrics",
    "_flatten_layers",
    "_get_variable_index",
    "_inbound_nodes",
    "_keras_history",
    "_losses_override",
    "_model_variables_moving_average",
    "_trainable_variables",
}
# Private names of other libraries than Keras, with the file that uses them.
PRIVATE_TO_OTHERS = {
    "_exit": "os has no public way to end a process at once",
    "_asdict": "of a NamedTuple",
    "_replace": "of a NamedTuple",
    "_get_ops_details": "LiteRT: which tensors operators make",
    "_get_oracle_fname": "KerasTuner: the files of a search",
    "_get_tuner_fname": "KerasTuner: the files of a search",
    "_get_trial_dir": "KerasTuner: the files of a search",
    "_project_dir": "KerasTuner: the files of a search",
    "_id_to_hash": "KerasTuner: which settings have been tried",
    "_record_values": "KerasTuner: which settings have been tried",
    "_duplicate": "KerasTuner: which settings have been tried",
    "_random_populate_space": "KerasTuner: settings that are drawn",
    "_get_next_combination": "KerasTuner: the order of a grid",
}


def names_of_its_own():
    """Every name that the package defines, by whatever means."""
    for nodes in NODES.values():
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


OWN = set(names_of_its_own())


@for_every(FILES)
def test_what_is_private_to_keras_is_named_in_one_file(path):
    """A private name that the package does not define is somebody else's: of Keras it stands in one file."""
    named = {node.attr for node in NODES[path] if isinstance(node, ast.Attribute)}
    private = {name for name in named if name.startswith("_") and not name.startswith("__")} - OWN
    if relative(path) == "backend/keras_private.py":
        assert private == PRIVATE_TO_KERAS
    else:
        assert private <= PRIVATE_TO_OTHERS.keys()
        assert not any(module.startswith("keras.src") for module in imported(NODES[path]))
        calls = [node for node in NODES[path] if isinstance(node, ast.Call) and len(node.args) > 1]
        patches = [node for node in calls if ast.unparse(node.func) == "object.__setattr__"]
        assert not any([ast.unparse(one) for one in call.args[:2]] == ["layer", "'call'"] for call in patches)


# Of one name, and of another meaning than the shared helper.
SAME_NAME = {"percent": "workflows/doctor/findings.py: with the doctor's digits, by the shared one"}


def test_helpers_are_defined_once():
    """What `utils` offers to all is not written again elsewhere, under its name or with an underscore before it."""
    helpers = {
        node.name
        for path in FILES
        if relative(path) in ("utils/formatting.py", "utils/suggest.py", "utils/screen.py", "utils/json_safe.py")
        for node in NODES[path][0].body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    } - {"number", "size", "spread", "figure", "listed", "words"}  # plain words, which mean other things elsewhere
    again = {
        node.name.lstrip("_")
        for path in FILES
        if room_of(path) != "utils"
        for node in NODES[path][0].body
        if isinstance(node, ast.FunctionDef) and node.name.lstrip("_") in helpers
    }
    assert again == set(SAME_NAME)


def test_paths_under_a_run_are_made_in_one_file():
    from keras_kd.recipe.folders import RunFolder

    files = RunFolder(Path("run"))
    made = [getattr(files, name) for name, kind in vars(RunFolder).items() if isinstance(kind, property)]
    names = {path.relative_to("run").as_posix() for path in made if isinstance(path, Path) and path.suffix}
    assert {"student.keras", "report.json", "report.html", "history.csv", "recipe.yaml"} <= names
    for path in FILES:
        if room_of(path) == "workflows":
            texts = [node.value for node in NODES[path] if isinstance(node, ast.Constant)]
            found = [text for text in texts if text in names or str(text).startswith(("generation_", "checkpoints/"))]
            assert not found, f"{relative(path)} has {found}: take it of keras_kd/recipe/folders.py"


MOST_LINES, LONGEST_FUNCTION, MOST_PARAMETERS = 400, 50, 8
EXCEPTIONS = {
    "bank/bank.py:__init__": "public: 13 settings of a bank",
    "cli/run.py:distill": "options of a command",
    "cli/run.py:export": "options of a command",
    "cli/run.py:validate": "options of a command",
    "cli/search.py:search": "options of a command",
    "cli/search.py:study": "options of a command",
    "data/epochs.py:__init__": "public",
    "data/load.py:load": "public: the fields of a recipe's data",
    "evaluation/attacks.py:robustness": "public",
    "export/export.py:export": "public",
    "models/by_name.py:build": "public",
    "cli/compress.py:compress": "the options of the command",
    "models/pruning/plan.py:__init__": "what may be given to prune",
    "models/pruning/plan.py:prune": "public",
    "training/distiller.py:__init__": "public",
    "workflows/commands.py:distill": "public: the options of the command",
    "workflows/commands.py:export": "public: the options of the command",
    "workflows/commands.py:search": "public: the options of the command",
    "workflows/compress/compress.py:compress": "public: the options of the command",
    "workflows/prune.py:prune": "public",
    "workflows/search/search.py:search": "public",
    "workflows/study/study.py:study": "public",
}


def too_large(path):
    """What of a file goes beyond the limits; docstrings do not count."""
    if len(path.read_text().splitlines()) > MOST_LINES:
        yield relative(path)
    for node in NODES[path]:
        if isinstance(node, ast.FunctionDef):
            given = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node):
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > LONGEST_FUNCTION or len(set(given) - {"self", "cls"}) > MOST_PARAMETERS:
                yield f"{relative(path)}:{node.name}"


def test_nothing_found_is_a_nest_of_dicts():
    """Reports are typed; what is measured has a name of its own."""
    assert [relative(path) for path in FILES if 'found["' in path.read_text()] == []


def test_files_and_functions_are_short_or_named_with_the_reason():
    assert {one for path in FILES for one in too_large(path)} == set(EXCEPTIONS)
    assert len(list(PACKAGE.glob("*.py"))) <= 10


def test_the_drawing_of_the_house_has_no_circle():
    done = subprocess.run(
        [sys.executable, PACKAGE.parent / "docs" / "house.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("13 rooms, 8 floors, "), done.stdout
