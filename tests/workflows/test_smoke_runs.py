"""`keras-kd distill NAME --smoke` with ready recipes, from the training of their teachers to the exported files.

The recipes are as they are. Few images of noise stand in for CIFAR-100, and ResNets of eight layers for those of 20 and
56, which have the same stages: what is tried is that everything that a recipe names works together.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from keras_kd.cli.main import commands
from keras_kd.data.sources import cache
from keras_kd.export.formats import DEFAULTS
from keras_kd.models.zoo import MODELS
from keras_kd.models.zoo.resnet import resnet

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]

CIFAR = {"kind": "tfds", "name": "cifar100", "config": None, "data_dir": None, "image_size": None}
# What a run leaves in addition to what all leave.
RECIPES = {
    "fcfd": (),
    "mgd": (),
    "metadistil": ("taught_teacher.keras",),
    "dis": (),
    "kcd": (),
    "subclass": (),
    "ada_margin": (),
    "knowledge_selection": (),
    "double_distillation": (),
    "evolved_resnet56_to_resnet20": (),
    "crossfit_resnet56_to_resnet20": (),
    "own_views_resnet56_to_resnet20": (),
    "cooperative_digits": ("peer_1.keras", "peer_2.keras"),
}
# Most deliver the same network: these two are exported to all default formats.
EXPORTED = ("subclass", "cooperative_digits")
ONE_FORMAT = ("--set", "export.formats=[litert_float32]")
# Each fold is a teacher to train: two show what five would.
FEWER = {"crossfit_resnet56_to_resnet20": ("--set", "teacher.folds=2")}


def write_images(folder):
    """A cache with noise under the name of CIFAR-100: four training images and one test image a class."""
    draw = np.random.default_rng(0)
    parts = {}
    for split, count in (("train", 400), ("test", 100)):
        images = draw.integers(0, 256, (count, 16, 16, 3), dtype="uint8")
        parts[split] = cache.Part(images.shape, [(images, np.arange(count, dtype="int32") % 100)])
    cache.write(folder / "cache", CIFAR, "3.0.2", [f"class_{number}" for number in range(100)], parts)


@pytest.fixture
def place(made_once, monkeypatch):
    """A folder that all runs share, so that each teacher is trained once."""
    folder, _ = made_once("smoke_runs", write_images)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KERAS_KD_CACHE", str(folder / "cache"))
    for name in ("resnet20", "resnet56"):
        monkeypatch.setitem(MODELS, name, MODELS[name]._replace(builder=partial(resnet, depth=8)))
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_a_new_recipe_runs_to_its_exported_files(place, name):
    words = ["distill", name, "--smoke", "--quiet", *FEWER.get(name, ())]
    words += [] if name in EXPORTED else ONE_FORMAT
    done = CliRunner().invoke(commands, words, prog_name="keras-kd")
    assert done.exit_code == 0, done.output
    folder = Path(f"saved_models/{name}-smoke")
    report = json.loads((folder / "report.json").read_text())
    assert report["smoke"] and 0 <= report["student"]["top1"] <= 1
    passed = [one for one in report["exports"] if one["passed"]]
    assert [one["format"] for one in passed] == (list(DEFAULTS) if name in EXPORTED else ["litert_float32"])
    for file in ("student.keras", *(one["file"] for one in passed), *RECIPES[name]):
        assert (folder / file).exists(), file
