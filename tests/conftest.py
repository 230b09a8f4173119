"""What all tests share: the backend in the header, the folder of golden values, quiet libraries."""

import gc
import json
import os
import shutil
import subprocess
from pathlib import Path

import forks
import pytest
from filelock import FileLock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What commands print is cut to a terminal's width where there is one: here there is none.
os.environ.pop("COLUMNS", None)
# Many tests compile the same small steps anew: JAX then finds them on the disk.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent.parent / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
# Most of the time goes into compiling what then runs once. JAX compiles in less than half the time without the newer
# emitters of fused loops, and with one piece of code a function where they would be many.
COMPILE_QUICKLY = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
if os.environ.get("KERAS_BACKEND") == "jax":
    COMPILE_QUICKLY += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
os.environ.setdefault("XLA_FLAGS", " ".join(COMPILE_QUICKLY))
if "PYTEST_XDIST_WORKER" in os.environ:
    # Each process has a core of its own: threads of one would wait for those of the others.
    for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
JAX = os.environ.get("KERAS_BACKEND") == "jax"
# What these find does not depend on the backend: the whole suite runs them on TensorFlow alone.
ON_ONE_BACKEND = {
    f"test_{name}.py"
    for name in (
        "architecture", "bench", "citations", "corruptions", "data", "data_cache", "docs", "docstrings", "export",
        "foreign_code", "latency", "metrics", "model_card", "packaging", "paths", "public", "recipe_errors", "recipes",
        "repeated_seeds", "report", "report_page", "safety", "search", "signals", "stress_data", "study",
        "hostile_recipes", "image_files", "image_layout", "layers_export", "lines_of_steps", "names_on_pages", "places",
        "known_probabilities", "known_structure", "statistical_view", "search_resumed", "start_checks", "litert_files",
        "taught_teacher", "time_of_a_run", "weak_teacher", "write_a_method",
        "without_tensorflow",  # its processes run JAX whatever this one runs
        "forks",  # only processes of TensorFlow are forked
    )
}  # fmt: skip
# Most of these is files, words, NumPy and Keras's own operations: on JAX the whole suite runs what is marked with
# both_backends. Each says why.
MOSTLY_ON_ONE_BACKEND = {
    f"test_{name}.py"
    for name in (
        "cli", "cooperate", "cooperating", "dis", "doctor", "doctor_causes", "fcfd", "feature_methods", "folds",
        "logit_methods", "meta_distiller",
        "own_views", "own_views_run", "rehearse", "resume", "rounds", "sampled_distiller", "selection",
        "selection_run", "stages",
    )
}  # fmt: skip
WHOLE_SUITE = "KERAS_KD_WHOLE_SUITE"
AS_SVG = {}


def pytest_addoption(parser):
    parser.addoption(
        "--golden",
        default=str(Path(__file__).parent / "golden"),
        help="folder with losses.json and losses.npz: values of the papers' own code",
    )


def pytest_report_header(config):
    return (
        f"keras backend: {os.environ.get('KERAS_BACKEND', 'tensorflow')}, golden values: {config.getoption('golden')}"
    )


def pytest_configure(config):
    # In the environment, where the processes of pytest-xdist find it.
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        os.environ[WHOLE_SUITE] = "1"
    forks.name_place()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """`made_once(name, fill)`: a folder that `fill(folder)` fills once for all processes of pytest-xdist.

    Gives the folder and, by way of JSON, what `fill` returned.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def made(name, fill):
        folder, answer = place / name, place / f"{name}.json"
        with FileLock(place / f"{name}.lock"):
            if not answer.exists():
                # Of an attempt that failed in another process.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                answer.write_text(json.dumps(fill(folder)))
        return folder, json.loads(answer.read_text())

    return made


@pytest.fixture(scope="module")
def forked():
    """Within a module that uses this, child processes of Python begin with TensorFlow imported: see `forks`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subprocess, "Popen", forks.Popen)
        yield


@pytest.fixture
def new_processes(forked, monkeypatch):
    """What a test of such a module begins is new nevertheless."""
    monkeypatch.setattr(subprocess, "Popen", forks.NEW)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Plots are made and not turned into SVG, which takes most of a page's time, but where a test looks at them."""
    from keras_kd.report import plots

    AS_SVG.setdefault("drawn", plots._saved)
    looked_at = item.get_closest_marker("drawn") is not None
    # Before the fixtures of a module, which make pages as well.
    plots._saved = AS_SVG["drawn"] if looked_at else lambda drawn: "<svg ></svg>"


@pytest.fixture
def own_numbers():
    """The test's initializers get their random numbers from the backend, as a user's do."""
    from networks import numbers_by_numpy

    numbers_by_numpy(False)
    yield
    numbers_by_numpy(JAX)


def pytest_ignore_collect(collection_path):
    if JAX and WHOLE_SUITE in os.environ and collection_path.name in ON_ONE_BACKEND:
        return True


def pytest_collection_finish():
    if JAX:
        # JAX compiles each initializer anew for every shape, so on it they get their random numbers from NumPy; scales,
        # seeds and dtypes stay those of Keras. Of this process, which imported Keras as it collected.
        from networks import numbers_by_numpy

        numbers_by_numpy(True)
    else:
        _do_not_tune_pipelines()
    # Several tests at once are slow: a command in this process says no line because of that.
    from keras_kd.utils import steps

    steps.PATIENCE = 600.0
    # Tests kill processes and never the machine: nothing has to reach the disk itself.
    os.fsync = lambda file: None
    # What is imported stays, and a trace makes many objects that stay for a while: the garbage collector would look
    # through all of them again and again.
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)


def pytest_sessionfinish():
    # pytest collects what is left five times before it ends.
    gc.freeze()


def _do_not_tune_pipelines():
    """TensorFlow tunes each pipeline in a thread that sleeps the longer the older it is, up to a minute.

    Who throws such a pipeline away waits until it wakes: in these processes the garbage collector.
    """
    import tensorflow as tf

    iterate, options = tf.data.Dataset.__iter__, tf.data.Options()
    options.autotune.enabled = False
    tf.data.Dataset.__iter__ = lambda dataset: iterate(dataset.with_options(options))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Each process holds TensorFlow and JAX, about 1.5 GB: `-n auto` does not start one for each of many cores."""
    return min(os.cpu_count() or 1, 8)


def pytest_collection_modifyitems(config, items):
    if not (JAX and WHOLE_SUITE in os.environ):
        return
    left_out = [
        item
        for item in items
        if item.get_closest_marker("one_backend") is not None
        or (item.path.name in MOSTLY_ON_ONE_BACKEND and item.get_closest_marker("both_backends") is None)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
