"""How images come to another size: as Keras's own `image_dataset_from_directory` where a recipe asks for it."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_kd.data import load
from keras_kd.data.sources.decode import RESIZED, as_program, read, resize
from keras_kd.recipe.load import load as load_recipe
from keras_kd.report.model_card import card, example
from keras_kd.report.report import Report
from keras_kd.utils.errors import UserError
from keras_kd.workflows.commands import evaluate

KERAS = {"stretch": {}, "crop": {"crop_to_aspect_ratio": True}, "pad": {"pad_to_aspect_ratio": True}}
SIZES = [(37, 53), (53, 37), (16, 24), (12, 9), (96, 20), (24, 24), (1, 7), (51, 48), (31, 90)]


@pytest.fixture
def folder(tmp_path):
    """Images of many sizes in two classes, without loss."""
    generator = np.random.default_rng(0)
    for number, (height, width) in enumerate(SIZES):
        for name in ("a", "b"):
            (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 256, (height, width, 3), dtype="uint8")
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number:02}.png")
    return tmp_path / "images"


@pytest.mark.parametrize("size", [(24, 16), (32, 32), (7, 11)])
@pytest.mark.parametrize("how", KERAS)
def test_pixels_are_those_of_keras(how, size, folder, tmp_path):
    found = load(folder, image_size=size, resize=how, test_fraction=0.3, cache_dir=str(tmp_path / "cache"))
    ours = np.concatenate([found.train.images, found.test.images])
    asked = {"image_size": size, "shuffle": False, "batch_size": None, "label_mode": None, "verbose": False}
    theirs = keras.utils.image_dataset_from_directory(str(folder), **asked, **KERAS[how])
    theirs = np.stack([np.rint(one.numpy()).astype("uint8") for one in theirs])
    assert len(ours) == len(theirs) == 2 * len(SIZES)
    assert sorted(one.tobytes() for one in ours) == sorted(one.tobytes() for one in theirs)


def test_each_way_has_its_own_pixels_and_its_own_cache(folder, tmp_path):
    asked = {"image_size": (16, 16), "cache_dir": str(tmp_path / "cache")}
    found = {how: load(folder, resize=how, **asked).train.images for how in RESIZED}
    assert len({one.tobytes() for one in found.values()}) == len(RESIZED)
    again = {how: load(folder, resize=how, **asked).train.images for how in RESIZED}
    assert all(np.array_equal(found[how], again[how]) for how in RESIZED)
    # As before there was a choice, and under the name in the cache that it had then.
    assert np.array_equal(load(folder, **asked).train.images, found["antialias"])
    kept = [json.loads(one.read_text()) for one in (tmp_path / "cache").rglob("*.json")]
    asked_of = [one.get("request", {}).get("resize") for one in kept if "request" in one]
    assert sorted(map(str, asked_of)) == ["None", "crop", "pad", "stretch"]


def test_padding_is_black_and_cropping_is_central():
    wide = np.full((10, 30, 3), 200, "uint8")
    wide[:, :10] = 50
    assert resize(wide, (30, 30), "pad")[:10].max() == 0 and resize(wide, (30, 30), "pad")[15, 20, 0] == 200
    assert resize(wide, (10, 10), "crop").tolist() == wide[:, 10:20].tolist()
    for how in RESIZED:
        assert resize(wide, (10, 30), how) is wide and resize(wide, None, how) is wide


@pytest.mark.parametrize("how", RESIZED)
def test_what_serves_resizes_as_what_trained(how, folder):
    made, file = {}, folder / "a" / "00.png"
    exec(as_program(how), made)
    for channels in (1, 3, 4):
        assert np.array_equal(made["read"](file, (20, 31), channels), read(file, (20, 31), channels, how))
    report = Report(
        recipe="mine",
        student={"name": "small", "top1": 0.9},
        data={"name": "images", "classes": 2, **({} if how == "antialias" else {"resize": how})},
        class_names=["a", "b"],
        exports=[{"file": "student.tflite", "format": "litert_float32", "passed": True, "bytes": 10, "images": 5}],
    )
    said = card(report, (20, 31, 3))
    assert RESIZED[how] in said and f"RESIZE = {how!r}" in said and f"RESIZE = {how!r}" in example(report, (20, 31, 3))


def test_other_sources_are_resized_so_too(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 6, 1), dtype="uint8")
    labels = np.arange(20) % 2
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    found = load(tmp_path / "mine.npz", image_size=12, resize="pad").train.images
    assert np.array_equal(found, np.stack([resize(one, (12, 12), "pad") for one in images]))


def test_what_cannot_be_is_said(tmp_path):
    with pytest.raises(UserError, match="resize: found 'squash'; expected one of antialias, stretch, crop, pad"):
        load("digits", image_size=16, resize="squash")
    with pytest.raises(UserError, match="data.resize: is crop and no image is resized; give image_size"):
        load_recipe("digits", ["data.resize=crop"])
    with pytest.raises(UserError, match="data.resize: is 'squash'"):
        load_recipe("digits", ["data.resize=squash", "data.image_size=16"])
    assert load_recipe("digits", ["data.resize=crop", "data.image_size=16"]).dump()["data"]["resize"] == "crop"
    assert "resize" not in load_recipe("digits").dump()["data"]


def test_a_model_of_ones_own_is_measured_on_images_of_its_own_kind(folder, tmp_path):
    keras.utils.set_random_seed(0)
    images = [keras.Input((16, 12, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential(images).save(tmp_path / "mine.keras")
    for how, kept in ((None, None), ("pad", "pad")):
        given = {} if how is None else {"resize": how}
        found = evaluate(tmp_path / "mine.keras", data=str(folder), image_size=(16, 12), **given)
        assert found.data.resize == kept
    with pytest.raises(UserError, match="resize: no image is resized; give image_size"):
        evaluate(tmp_path / "mine.keras", data=str(folder), resize="pad")
    with pytest.raises(UserError, match="resize: found 'squash'; expected one of antialias"):
        evaluate(tmp_path / "mine.keras", data=str(folder), image_size=16, resize="squash")
    with pytest.raises(UserError, match="resize: is of a .keras file"):
        evaluate(tmp_path, resize="pad")
