"""The queue for an accelerator: each published number has its line, calls are short, what is kept goes on elsewhere."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_kd.models import build, cost
from keras_kd.recipe.load import load
from keras_kd.recipe.yaml_reader import read_yaml
from keras_kd.workflows.study.study_file import load_study, ready, write_recipes

ROOT = Path(__file__).parent.parent
# At the end, so that none of its names stands before another module's.
sys.path.append(str(ROOT / "benchmarks"))

import gpu_keep  # noqa: E402
from gpu_choice import choose  # noqa: E402
from gpu_estimates import NETWORKS, Cost, Estimator, in_calls, reads, step_seconds  # noqa: E402
from gpu_folder import Place  # noqa: E402
from gpu_pack import pack_images  # noqa: E402
from gpu_queue import LINES, SHRUNK, STUDIES, chosen_lines, shrunk_lines  # noqa: E402
from gpu_results import AIM, NOT_MEASURED, results_of, table_of  # noqa: E402
from gpu_runs import tasks_of  # noqa: E402

OF_NAME = {line.name: line for line in LINES}


def recipes_with_a_published_number():
    for path in sorted((ROOT / "recipes").rglob("*.yaml")):
        text = path.read_text()
        data = read_yaml(text)[0]["data"]
        if (data if isinstance(data, str) else data["name"]) == "cifar100" and AIM.search(text):
            yield path


def test_every_recipe_with_a_published_number_names_its_line_and_the_line_is_of_that_recipe():
    named = {}
    for path in (ROOT / "recipes").rglob("*.yaml"):
        found = re.findall(r"^# Queue: python benchmarks/gpu.py (\S+)$", path.read_text(), re.MULTILINE)
        if found:
            (named[path],) = found
    assert set(named) == set(recipes_with_a_published_number())
    assert len(named) > 40
    for path, name in named.items():
        assert name in OF_NAME, f"{path}: benchmarks/gpu_queue.py has no line {name}"
        assert (OF_NAME[name].path, OF_NAME[name].stem) == (path, path.stem)


def test_every_line_has_its_recipe_or_study_and_comes_after_what_it_needs(tmp_path):
    assert len(OF_NAME) == len(LINES)
    for number, line in enumerate(LINES):
        assert all(LINES.index(OF_NAME[name]) < number for name in line.after), line.name
        if line.kind in ("train", "bank"):
            assert line.path.exists(), f"{line.name}: no recipe {line.path}"
            recipe = load(line.path, [f"{name}={json.dumps(value)}" for name, value in line.settings.items()])
            assert recipe.student.model in NETWORKS
            teachers = recipe.teacher.members if recipe.teacher is not None else ()
            before = [line.after[0]] if line.after else []
            before = list(OF_NAME[before[0]].after) if before == ["bank"] else before
            assert [Path(one.model).stem for one in teachers] == before, line.name
        elif line.kind == "study":
            name = STUDIES.get(line.name, line.name)
            settings = [f"{path}={json.dumps(value)}" for path, value in line.settings.items()]
            written = write_recipes(load_study(ready()[name]), tmp_path / line.name, settings)
            sizes = {recipe.data.image_size for _, _, recipe in written}
            assert sizes == ({None} if settings else {16}), line.name
    with pytest.raises(SystemExit, match="no such line of the queue: nothing"):
        chosen_lines(["nothing"])


def test_a_line_that_is_asked_for_brings_what_it_needs():
    assert [line.name for line in chosen_lines(["dkd"])] == ["choice", "resnet56", "bank", "dkd"]
    assert {line.name for line in shrunk_lines(LINES)} == set(SHRUNK)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("resnet20", "resnet8x4"))) for name in NETWORKS],
)
def test_estimates_know_the_networks_as_they_are(name):
    network = build(name, (32, 32, 3), 100)
    layers = [layer for layer in network._flatten_layers() if getattr(layer, "kernel", None) is not None]
    assert NETWORKS[name] == (cost.macs(network), len(layers))


def test_how_a_teacher_is_read_decides_what_a_step_costs():
    read = {name: reads(load(OF_NAME[name].path)) for name in ("resnet20_alone", "dkd", "crd", "at", "fcfd")}
    assert read == {"resnet20_alone": "none", "dkd": "bank", "crd": "bank", "at": "live", "fcfd": "live"}
    assert step_seconds("resnet20", 64, "resnet56") > step_seconds("resnet20", 64)
    line, left = OF_NAME["dkd"], {0: 240}
    known = Estimator({"dkd": 0.5}).of(line, left)
    assert known.measured and not Estimator().of(line, left).measured
    # A line that was measured corrects the estimates of the others.
    others = Estimator({"dkd": 10.0})
    others.of(line, left)
    others._estimate(line)
    assert others.epoch(OF_NAME["resnet20_alone"])[0] > 5 * Estimator().epoch(OF_NAME["resnet20_alone"])[0]


def test_no_call_is_longer_than_its_minutes_and_what_measures_is_not_broken_off():
    train, whole = OF_NAME["resnet56"], OF_NAME["limits"]
    laid_out = in_calls([(train, Cost(1000)), (whole, Cost(90, whole=True)), (train, Cost(300))], minutes=9)
    of_call = {}
    for number, _, seconds, _ in laid_out:
        of_call[number] = of_call.get(number, 0) + seconds
    assert max(of_call.values()) <= 540 and list(of_call) == list(range(1, len(of_call) + 1))
    assert [seconds for _, line, seconds, _ in laid_out if line is whole] == [90]
    # A call more than once begins a process more than once.
    assert sum(of_call.values()) > 1390


def test_what_trains_most_images_is_chosen_and_says_why():
    one = choose({"own 1": 100.0, "own 2": 103.0, "own 4": 90.0, "mapped 1": 104.0})
    assert (one["seeds"], one["processes"], one["gains"]) == ("processes", 1, [1.0, 1.0])
    shared = choose({"own 1": 100.0, "own 2": 150.0, "own 4": 190.0, "mapped 1": 180.0})
    assert (shared["seeds"], shared["processes"], shared["gains"]) == ("processes", 4, [1.9, 1.9])
    mapped = choose({"own 1": 100.0, "own 2": 102.0, "own 4": 101.0, "mapped 1": 250.0})
    assert (mapped["seeds"], mapped["processes"], mapped["gains"]) == ("mapped", 1, [1.0, 2.5])
    assert "1 process 100" in mapped["why"] and "mapped in one process 250" in mapped["why"]
    line = OF_NAME["resnet56_to_resnet20"]
    assert [task.seeds for task in tasks_of(line, mapped)] == [(0, 1, 2)]
    assert [task.seeds for task in tasks_of(line, shared)] == [(0,), (1,), (2,)]


def test_the_data_and_the_recipes_of_a_queue_name_no_path_of_its_machine(tmp_path):
    data = tmp_path / "elsewhere.npz"
    np.savez(data, x_train=np.zeros((2, 32, 32, 3), "uint8"), y_train=[0, 1])
    place = Place(tmp_path / "queue", shrunk=False, data=data)
    file = place.recipe(OF_NAME["wrn_40_2_to_wrn_16_2"])
    raw = read_yaml(file.read_text())[0]
    assert (raw["data"]["name"], raw["teacher"], raw["export"]) == ("../cifar100.npz", "wrn_40_2.yaml", {"formats": []})
    place.recipe(OF_NAME["wrn_40_2"])
    recipe = load(file)
    assert Path(recipe.data.name).resolve() == data
    assert Path(recipe.teacher.model) == place.path / "recipes" / "wrn_40_2.yaml"
    place.check_data()
    (place.path / "cifar100.npz").unlink()
    with pytest.raises(SystemExit, match="has begun with an .npz file, and there is the recipes' own data now; give"):
        place.check_data()
    with pytest.raises(SystemExit, match="--data: found no file"):
        Place(tmp_path / "other", shrunk=False, data=tmp_path / "none.npz")


@pytest.fixture
def begun(tmp_path):
    """A queue that has begun: a training in the middle, something measured."""
    place = Place(tmp_path / "here", shrunk=False)
    run = place.run(OF_NAME["resnet56"], 0)
    run.mkdir()
    (run / "history.csv").write_text("epoch,seconds\n1,2.5\n2,1.5\n")
    (run / "training_state.npz").write_bytes(np.random.default_rng(0).bytes(2_500_000))
    (place.measured / "limits.json").write_text('{"table": ["fast"]}')
    place.keep(device="a device", done=["bank", "temperature"])
    return place


def test_what_a_call_has_kept_goes_on_elsewhere(begun, tmp_path):
    for _ in range(2):
        index = gpu_keep.pack(begun, LINES, tmp_path / "kept", megabytes=1)
        files = sorted(path.name for path in (tmp_path / "kept").iterdir())
        assert len(files) == 4 and all((tmp_path / "kept" / name).stat().st_size <= 10**6 for name in files)
        assert index["left_out"] == []
    other = Place(tmp_path / "there", shrunk=False)
    gpu_keep.take_up(other, tmp_path / "kept")
    run = other.run(OF_NAME["resnet56"], 0)
    assert (run / "training_state.npz").read_bytes() == (
        begun.run(OF_NAME["resnet56"], 0) / "training_state.npz"
    ).read_bytes()
    # The bank has stayed; what was measured is there.
    assert other.state["done"] == ["temperature"] and other.is_done(OF_NAME["limits"])
    assert other.left(OF_NAME["resnet56"]) == {0: 238}
    with pytest.raises(SystemExit, match="the queue has begun in .*there already"):
        gpu_keep.take_up(other, tmp_path / "kept")


def test_what_has_no_room_is_named_and_what_is_damaged_is_refused(begun, tmp_path):
    index = gpu_keep.pack(begun, LINES, tmp_path / "small", files=3, megabytes=1)
    assert index["left_out"] == ["runs/resnet56/training_state.npz"] and "state.json" in index["files"]
    gpu_keep.pack(begun, LINES, tmp_path / "kept")
    (part,) = (tmp_path / "kept").glob("part-*.tar")
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(SystemExit, match=rf"{part.name} is missing or damaged"):
        gpu_keep.take_up(Place(tmp_path / "there", shrunk=False), tmp_path / "kept")
    with pytest.raises(SystemExit, match="found a full queue; expected a shrunk one"):
        gpu_keep.take_up(Place(tmp_path / "shrunk", shrunk=True), tmp_path / "kept")
    with pytest.raises(SystemExit, match=r"found no keep.json"):
        gpu_keep.take_up(Place(tmp_path / "there", shrunk=False), tmp_path)


def test_figures_that_only_an_accelerator_gives_are_marked(begun, tmp_path):
    found = results_of(Place(tmp_path / "shrunk", shrunk=True), LINES, {"device": "CPU"})
    row = found["a"]["lines"][0]
    assert (row["line"], row["published"], row["done"]) == ("resnet56", 72.34, [])
    assert {row[name] for name in ("top1", "minutes_a_run", "images_a_second", "over_published")} == {NOT_MEASURED}
    assert found["a"]["device"] == NOT_MEASURED and found["a"]["shrunk"]
    assert any("not measured" in line for line in table_of(found, True))
    full = results_of(begun, LINES, {"device": "a device"})
    limits = next(row for row in full["d"]["lines"] if row["line"] == "limits")
    assert limits["found"] == {"table": ["fast"]} and "      fast" in table_of(full, False)
    # Seeds that came later are in the row of their recipe.
    assert next(row for row in full["b"]["lines"] if row["line"] == "dkd")["seeds"] == [0, 1, 2]


def test_packed_images_come_out_as_they_were(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {"label_names": np.array(["cat", "dog"])}
    for split, count in (("train", 1200), ("test", 300)):
        arrays[f"x_{split}"] = generator.integers(0, 256, (count, 8, 8, 3)).astype("uint8")
        arrays[f"y_{split}"] = generator.integers(0, 2, count)
    folders = pack_images(arrays, tmp_path / "packed", size=160_000)
    sizes = [sum(file.stat().st_size for file in path.iterdir()) for path in (tmp_path / "packed").iterdir()]
    assert folders == len(sizes) > 1 and max(sizes) <= 160_000

    def unpack():
        script = tmp_path / "packed" / "data-0" / "unpack.py"
        return subprocess.run([sys.executable, script, tmp_path / "out.npz"], capture_output=True, text=True)

    assert unpack().returncode == 0
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert all(np.array_equal(found[name], one) for name, one in arrays.items())
    next((tmp_path / "packed" / "data-1").glob("*.webp")).unlink()
    assert "are missing still" in unpack().stderr


@pytest.mark.slow
def test_seeds_that_are_mapped_are_their_own_runs_to_rounding(tmp_path):
    (tmp_path / "few.yaml").write_text(
        "data: {name: digits, views: crop_flip, train_images: 120, test_images: 100}\n"
        "teacher: taught.yaml\nstudent: digits_tiny\nterms: [{method: kd}]\nexport: {formats: []}\n"
        "fit: {epochs: 4, batch_size: 32, learning_rate: 0.01}\n"
    )
    (tmp_path / "taught.yaml").write_text(
        "data: {name: digits, train_images: 120, test_images: 100}\nstudent: digits_cnn\nexport: {formats: []}\n"
        "fit: {epochs: 1}\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
    despite = ["--despite", "teacher-accuracy"]

    def rows(run):
        with open(run / "history.csv", newline="") as file:
            return [(float(row["loss"]), float(row["accuracy"])) for row in csv.DictReader(file)]

    for seed, name in ((0, "own/few"), (1, "own/few-seed1")):
        command = [sys.executable, "-m", "keras_kd.cli", "distill", "few.yaml", "--seed", str(seed), "--out", name]
        subprocess.run([*command, "--quiet", *despite], cwd=tmp_path, env=environment, check=True, capture_output=True)
    (tmp_path / "mapped").mkdir()
    shutil.copytree(tmp_path / "own" / "taught", tmp_path / "mapped" / "taught")
    command = [sys.executable, str(ROOT / "benchmarks" / "mapped_seeds.py"), "few.yaml", "mapped", "--seeds", "0,1"]
    done = subprocess.run([*command, *despite], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("few", "few-seed1"):
        assert np.allclose(rows(tmp_path / "mapped" / name), rows(tmp_path / "own" / name), rtol=1e-3, atol=1e-4)
        assert (tmp_path / "mapped" / name / "report.json").exists()
