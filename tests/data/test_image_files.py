"""Image files become the pixels that a viewer shows, in training and in what is handed over with an export alike."""

import io
import json
import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from keras_kd import Report, data
from keras_kd.data.sources import cache
from keras_kd.data.sources.decode import DECODING, TURNS, read
from keras_kd.report.model_card import card, example
from keras_kd.utils.errors import UserError

GENERATOR = np.random.default_rng(0)
PHOTO = Image.fromarray(GENERATOR.integers(0, 256, (20, 30, 3)).astype("uint8"))
UPRIGHT = np.asarray(PHOTO)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png(width, height, depth, colour, rows):
    """A PNG of raw rows, for what Pillow does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def written(path, image, **settings):
    image.save(path, **settings)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_exif_orientation_is_heeded(tmp_path, orientation, ending):
    path = written(tmp_path / f"photo.{ending}", PHOTO, exif=turned(orientation))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read(path), expected)
    assert expected.shape[:2] == ((30, 20) if orientation > 4 else (20, 30))
    assert sorted(TURNS) == list(range(2, 9))


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", turned(77)])
def test_a_damaged_or_unknown_orientation_turns_nothing(tmp_path, exif):
    assert read(written(tmp_path / "photo.png", PHOTO, exif=exif)).shape == (20, 30, 3)
    assert np.array_equal(read(tmp_path / "photo.png"), UPRIGHT)


def test_what_is_transparent_is_white(tmp_path):
    opacity = np.zeros((20, 30), "uint8")
    opacity[:10], opacity[10:15] = 255, 51
    rgba = Image.fromarray(np.dstack([UPRIGHT, opacity]))
    for ending, settings in (("png", {}), ("webp", {"lossless": True, "exact": True}), ("tif", {})):
        found = read(written(tmp_path / f"a.{ending}", rgba, **settings)).astype(int)
        assert np.array_equal(found[:10], UPRIGHT[:10]) and (found[15:] == 255).all()
        assert np.abs(found[10:15] - np.round(0.2 * UPRIGHT[10:15] + 0.8 * 255)).max() <= 1
    grey = Image.merge("LA", (PHOTO.convert("L"), Image.fromarray(opacity)))
    found = read(written(tmp_path / "grey.png", grey))
    assert np.array_equal(found[:10, :, 0], np.asarray(PHOTO.convert("L"))[:10]) and (found[15:] == 255).all()
    palette = Image.fromarray(np.repeat([[0, 1]], 4, 0).astype("uint8"), "P")
    palette.putpalette([9, 8, 7, 1, 2, 3])
    for ending in ("png", "gif"):
        found = read(written(tmp_path / f"p.{ending}", palette, transparency=1))
        assert found[0].tolist() == [[9, 8, 7], [255, 255, 255]]


def test_colours_of_other_kinds(tmp_path):
    solid = {(0, 0, 0, 0): (255, 255, 255), (255, 0, 0, 0): (0, 255, 255), (0, 0, 0, 255): (0, 0, 0)}
    for inks, colour in solid.items():
        for ending in ("jpg", "tif"):  # Pillow writes a JPEG's inks inverted, as Photoshop does
            found = read(written(tmp_path / f"inks.{ending}", Image.new("CMYK", (8, 8), inks)))
            assert np.abs(found.astype(int) - colour).max() <= 2
    for mode in ("1", "L", "P"):
        image = PHOTO.convert(mode)
        assert np.array_equal(read(written(tmp_path / "x.png", image)), np.asarray(image.convert("RGB")))
    rows = GENERATOR.integers(0, 65536, (4, 5, 3)).astype(">u2")
    (tmp_path / "deep.png").write_bytes(png(5, 4, 16, 2, [row.tobytes() for row in rows]))
    assert np.array_equal(read(tmp_path / "deep.png"), rows >> 8)


def test_a_colour_profile_that_does_not_fit_inks_is_not_heeded(tmp_path):
    screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (b"nonsense", screen):
        path = written(tmp_path / "inks.tif", Image.new("CMYK", (8, 8), (255, 0, 0, 0)), icc_profile=profile)
        assert read(path)[0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_bits_are_refused(tmp_path, mode):
    with pytest.raises(ValueError, match=f"^mode {mode}.*: expected 8 bits a channel$"):
        read(written(tmp_path / "deep.tif", Image.new(mode, (4, 4))))


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_of_several_pictures_the_first_is_used_and_said(folder, tmp_path, capsys, ending):
    path = tmp_path / "pets" / "train" / "cat" / f"moving.{ending}"
    settings = {"lossless": True} if ending == "webp" else {}
    solid = Image.new("RGB", (30, 20), (255, 0, 0))
    solid.save(path, save_all=True, append_images=[Image.new("RGB", (30, 20), (0, 0, 255))], **settings)
    found = data.load(folder)
    assert any((image == (255, 0, 0)).all() for image in found.train.images)
    note = f"{folder}: 1 files hold several pictures (train/cat/moving.{ending}); the first of each is used\n"
    assert note in capsys.readouterr().err
    data.load(folder)
    assert capsys.readouterr().err == ""  # said once by a process, though the cache keeps it for the next


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of photos with a cache of its own."""
    monkeypatch.setenv("KERAS_KD_CACHE", str(tmp_path / "cache"))
    for split, count in (("train", 3), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = GENERATOR.integers(0, 256, (20, 30, 3)).astype("uint8")
                Image.fromarray(pixels).save(tmp_path / "pets" / split / name / f"{number}.png")
    return str(tmp_path / "pets")


def odd_images(folder):
    """Images of every kind, in folders of classes."""
    exif, place = turned(6), f"{folder}/train/cat"
    Image.fromarray(GENERATOR.integers(0, 256, (90, 61, 3)).astype("uint8")).save(f"{place}/large.jpg", exif=exif)
    PHOTO.save(f"{place}/turned.tif", exif=turned(8))
    PHOTO.convert("P", palette=Image.Palette.ADAPTIVE, colors=9).save(f"{place}/p.png", transparency=bytes([0, 128]))
    PHOTO.convert("CMYK").save(f"{place}/inks.jpg")
    PHOTO.convert("L").save(f"{place}/grey.JPG")
    Image.fromarray(np.dstack([UPRIGHT, UPRIGHT[..., 0]])).save(f"{place}/alpha.webp", lossless=True, exact=True)
    PHOTO.convert("1").save(f"{place}/one.bmp")
    PHOTO.convert("LA").save(f"{place}/la.png")
    PHOTO.save(f"{place}/moving.gif", save_all=True, append_images=[PHOTO.rotate(180)])


def programs(shape):
    """What is handed over to read images with: the example's program and the card's."""
    export = {"format": "litert_float32", "file": "student.tflite", "passed": True, "images": 8}
    report = Report(class_names=["cat", "dog"], exports=[export], student={"name": "net"}, data={"classes": 2})
    yield example(report, shape)
    yield re.search(r"## How an image becomes pixels.*?```python\n(.*?)\n```", card(report, shape), re.DOTALL)[1]


@pytest.mark.parametrize("size", [(20, 30), (7, 11), (64, 40)])
def test_the_example_and_the_card_read_images_as_training_does_to_the_bit(folder, size):
    odd_images(folder)
    found = data.load(folder, image_size=size).train.images
    files = [path for name in ("cat", "dog") for path in sorted(Path(folder, "train", name).iterdir())]
    assert len(files) == len(found) == 15
    for program in programs((*size, 3)):
        made = {"__name__": "example", "__file__": "example/run.py"}
        exec(compile(program, "run.py", "exec"), made)
        for path, expected in zip(files, found, strict=True):
            pixels = made["read"](path, size, 3)
            assert pixels.dtype == np.uint8 and np.array_equal(pixels, expected), path


def test_the_example_of_a_network_for_grey_or_four_channels(tmp_path):
    path = written(tmp_path / "photo.jpg", PHOTO.convert("L"), exif=turned(6))
    for channels in (1, 4):
        for program in programs((8, 8, channels)):
            made = {"__name__": "example", "__file__": "example/run.py"}
            exec(compile(program, "run.py", "exec"), made)
            assert made["read"](path, (8, 8), channels).shape == (8, 8, channels)
            assert np.array_equal(made["read"](path, (8, 8), channels)[..., :1], read(path, (8, 8))[..., :1])
    with pytest.raises(ValueError, match="^2 channels: expected 1, 3 or 4$"):
        read(path, (8, 8), 2)


def test_images_that_an_earlier_version_decoded_are_decoded_anew(folder, tmp_path, monkeypatch):
    first = data.load(folder)
    kept = sorted(one.name for one in (tmp_path / "cache").iterdir())
    monkeypatch.setattr("keras_kd.data.sources.folder.DECODING", 1)
    assert data.load(folder).fingerprint == first.fingerprint
    assert len(kept) == 1 and len(list((tmp_path / "cache").iterdir())) == 2


def test_a_damaged_picture_behind_the_first_costs_nothing(folder):
    whole = io.BytesIO()
    PHOTO.save(whole, "TIFF", save_all=True, append_images=[PHOTO])
    content = bytearray(whole.getvalue())
    content[-200:] = b"\xff" * 200
    with open(f"{folder}/train/cat/pages.tif", "wb") as file:
        file.write(content)
    try:
        assert len(data.load(folder).train) == 7
    except UserError as error:
        assert "train/cat/pages.tif" in str(error)


def test_what_an_earlier_version_decoded_goes_once_it_is_decoded_anew(folder, tmp_path):
    first = data.load(folder)
    [entry] = (tmp_path / "cache").iterdir()
    request = json.loads((entry / "manifest.json").read_text())["request"]
    assert request.pop("decoding") == DECODING
    shutil.rmtree(entry)
    wrong = cache.Part((2, 20, 30, 3), [(np.zeros((2, 20, 30, 3), "uint8"), [0, 1])])
    cache.write(tmp_path / "cache", request, "", ("cat", "dog"), {"train": wrong, "test": wrong})
    assert data.load(folder).fingerprint == first.fingerprint
    assert [one.name for one in (tmp_path / "cache").iterdir()] == [entry.name]
