"""What the cache of decoded images reads is what it wrote, and it deletes nothing that it did not write."""

import json
import os
import random
import time

import numpy as np
import pytest

from keras_kd.data import dataset
from keras_kd.data.sources import cache, cache_entry, tfds
from keras_kd.data.sources.options import SourceOptions
from keras_kd.utils.errors import UserError

REQUEST = {"kind": "folder", "name": "photos", "root": "/photos", "image_size": None}
IMAGES = np.random.RandomState(0).randint(0, 256, (6, 3, 4, 3)).astype("uint8")
LABELS = np.arange(6) % 3
CHANGED = "is not as it was written (damaged or changed); decoded anew\n"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def write(root, request=REQUEST, version="", images=IMAGES):
    parts = {split: cache.Part(images.shape, [(images, LABELS)]) for split in ("train", "test")}
    return cache.write(root, request, version, ["ant", "bee", "cat"], parts)


def only(root):
    [entry] = root.iterdir()
    return entry


def as_written(source):
    """Whether every figure of a source is that of what was written."""
    known = dataset.facts(dataset.Split(IMAGES, LABELS))
    return source.class_names == ("ant", "bee", "cat") and all(
        np.array_equal(split.images, IMAGES) and np.array_equal(split.labels, LABELS) and split.facts == known
        for split in (source.train, source.test)
    )


def stamped(root, monkeypatch):
    """The entry, after its files were found right and settled."""
    usual = time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr(cache_entry.time, "time_ns", lambda: usual() + 2 * cache_entry.SETTLED)
        assert as_written(cache.find(root, REQUEST))
    time.sleep(0.02)  # the next change is of another tick of the file system's clock
    assert (only(root) / cache_entry.STAMP).exists()
    return only(root)


def flipped(path, position, bit):
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("with_stamp", [False, True])
@pytest.mark.parametrize("limit", [cache.MEMORY_LIMIT, 0])
def test_a_byte_that_changes_anywhere_is_noticed_or_of_no_effect(root, monkeypatch, capsys, with_stamp, limit):
    write(root)
    entry = stamped(root, monkeypatch) if with_stamp else only(root)
    monkeypatch.setattr(cache, "MEMORY_LIMIT", limit)  # read, or mapped
    draw, noticed = random.Random(0), 0
    for path in sorted(entry.iterdir()):
        content = path.read_bytes()
        for position in draw.sample(range(len(content)), min(len(content), 60)):
            flipped(path, position, draw.randrange(8))
            found, said = cache.find(root, REQUEST), capsys.readouterr().err
            assert as_written(found) if found else said == f"{entry}: {path.name} {CHANGED}"
            assert not (found and said)
            assert found is None or path.name in (cache_entry.STAMP, cache_entry.MANIFEST)
            noticed += found is None
            path.write_bytes(content)
            assert as_written(cache.find(root, REQUEST))
    assert noticed > 4 * 60


def test_every_byte_of_an_array_counts(root, capsys):
    write(root)
    for name in ("test_labels.npy", "train_images.npy"):
        path = only(root) / name
        content = path.read_bytes()
        for position in (*range(140), len(content) - 1):
            flipped(path, position, position % 8)
            assert cache.find(root, REQUEST) is None
            assert capsys.readouterr().err == f"{path.parent}: {name} {CHANGED}"
            path.write_bytes(content)


def test_swapped_pixels_and_a_label_of_millions_are_said_once_and_decoded_anew(root, capsys):
    write(root)
    for name, change in (("train_images.npy", lambda part: part[::-1]), ("train_labels.npy", lambda part: part)):
        path = only(root) / name
        content = path.read_bytes()
        path.write_bytes(content[:128] + change(content[128:]))
        if name == "train_labels.npy":
            flipped(path, -1, 6)
        assert cache.find(root, REQUEST) is None
        assert as_written(write(root)) and as_written(cache.find(root, REQUEST))
        assert capsys.readouterr().err == f"{path.parent}: {name} {CHANGED}"


def test_what_is_missing_or_cannot_be_read_is_said(root, capsys):
    write(root)
    entry = only(root)
    (entry / "test_images.npy").unlink()
    assert cache.find(root, REQUEST) is None
    (entry / "test_images.npy").mkdir()
    assert cache.find(root, REQUEST) is None
    (entry / "manifest.json").unlink()
    os.mkfifo(entry / "manifest.json")  # must not be waited for
    assert cache.find(root, REQUEST) is None
    assert capsys.readouterr().err == (
        f"{entry}: test_images.npy is missing; decoded anew\n{entry}: test_images.npy {CHANGED}"
        f"{entry}: manifest.json {CHANGED}"
    )


def test_an_entry_that_cannot_be_opened_is_said(root, capsys, monkeypatch):
    write(root)

    def denied(path, *arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cache_entry, "open", denied, raising=False)
    assert cache.find(root, REQUEST) is None
    assert capsys.readouterr().err == f"{only(root)}: manifest.json cannot be read (Permission denied); decoded anew\n"


# The stamp


def test_arrays_are_compared_once(root, monkeypatch):
    write(root)
    stamped(root, monkeypatch)
    monkeypatch.setattr(dataset, "sha256", None)
    assert as_written(cache.find(root, REQUEST))


def test_files_that_have_just_been_written_are_not_vouched_for(root):
    write(root)
    assert as_written(cache.find(root, REQUEST))
    assert not (only(root) / cache_entry.STAMP).exists()


def test_a_stamp_does_not_vouch_for_a_change_with_the_old_time_and_size(root, monkeypatch, capsys):
    write(root)
    entry = stamped(root, monkeypatch)
    path = entry / "train_images.npy"
    before = path.stat()
    flipped(path, -1, 0)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert cache.find(root, REQUEST) is None
    assert capsys.readouterr().err == f"{entry}: train_images.npy {CHANGED}"


def test_a_stamp_vouches_for_its_own_manifest_only(root, monkeypatch):
    write(root)
    entry = stamped(root, monkeypatch)
    other = json.loads((entry / "manifest.json").read_text())
    other["splits"]["train"]["sha256"] = "0" * 64
    del other["sha256"]
    other["sha256"] = cache_entry._digest(other)
    (entry / "manifest.json").write_text(json.dumps(other))
    assert cache.find(root, REQUEST) is None


@pytest.mark.parametrize("state", ["{", "[]", '{"sha256": 1}', '{"files": {}, "sha256": null}', None])
def test_a_stamp_that_is_damaged_costs_a_comparison(root, monkeypatch, state):
    write(root)
    stamp = stamped(root, monkeypatch) / cache_entry.STAMP
    if state is None:
        kept = json.loads(stamp.read_text())
        kept["files"]["train_images.npy"][0] += 1
        state = json.dumps(kept)
    stamp.write_text(state)
    compared, usual = [], dataset.sha256
    monkeypatch.setattr(dataset, "sha256", lambda *arrays: compared.append(1) or usual(*arrays))
    assert as_written(cache.find(root, REQUEST)) and len(compared) == 2


def test_a_cache_that_cannot_be_written_is_read(root, monkeypatch):
    write(root)
    (only(root) / cache_entry.STAMP).mkdir()
    later = time.time_ns() + 2 * cache_entry.SETTLED
    monkeypatch.setattr(cache_entry.time, "time_ns", lambda: later)
    assert as_written(cache.find(root, REQUEST))


def test_a_stamp_is_not_written_through_a_link(root, tmp_path, monkeypatch):
    write(root)
    (tmp_path / "mine").write_text("mine")
    (only(root) / cache_entry.STAMP).symlink_to(tmp_path / "mine")
    later = time.time_ns() + 2 * cache_entry.SETTLED
    monkeypatch.setattr(cache_entry.time, "time_ns", lambda: later)
    assert as_written(cache.find(root, REQUEST))
    assert (tmp_path / "mine").read_text() == "mine"


# Versions


def test_a_damaged_newest_version_is_not_answered_by_an_older_one(root, capsys):
    request = REQUEST | {"kind": "tfds", "name": "mnist"}
    for version in ("3.0.1", "10.0.0", "9.0.0"):
        write(root, request, version)
    [newest] = root.glob("*-10.0.0-*")
    for content in ("{", "{}", (newest / "manifest.json").read_text().replace("10.0.0", "1.0.0")):
        (newest / "manifest.json").write_text(content)
        assert cache.find(root, request) is None
        assert capsys.readouterr().err == f"{newest}: manifest.json {CHANGED}"
    assert cache.find(root, request, "3.*") is not None
    assert cache.find(root, request | {"config": "other"}) is None
    assert cache.find(root, request, log=False) is None
    assert capsys.readouterr().err == ""


def test_asking_whether_a_set_is_there_says_nothing(root, capsys):
    request = tfds._request(tfds.TFDS.fullmatch("mnist"), SourceOptions())
    write(root, request, "3.0.1")
    assert tfds.is_cached("mnist", SourceOptions(cache_dir=root))
    (only(root) / "manifest.json").write_text("{")
    assert not tfds.is_cached("mnist", SourceOptions(cache_dir=root))
    assert capsys.readouterr().err == ""


def test_an_entry_without_a_checksum_of_its_own_is_made_anew(root, capsys):
    write(root)
    former = root / cache._former_name(REQUEST, "")
    only(root).rename(former)
    manifest = json.loads((former / "manifest.json").read_text()) | {"format": 1}
    del manifest["sha256"]
    (former / "manifest.json").write_text(json.dumps(manifest))
    assert cache.find(root, REQUEST) is None
    assert capsys.readouterr().err == (
        f"{former}: an earlier version wrote it, without checksums of all that it holds; decoded anew\n"
    )
    write(root)
    assert as_written(cache.find(root, REQUEST)) and not former.exists()


# What is deleted


def damaged_entry(root):
    write(root)
    (only(root) / "manifest.json").write_text("{")
    return only(root)


def refusal(root):
    with pytest.raises(UserError) as caught:
        write(root)
    assert [path.name for path in root.iterdir() if path.name.startswith(cache.TEMPORARY)] == []
    return str(caught.value)


def test_foreign_files_of_such_names_stay(root):
    outside = root.parent / "outside"
    for folder in (".writing-mine", ".writing-0123456789abcdef", cache.TEMPORARY + "mine", cache.TEMPORARY + "0" * 32):
        (root / folder).mkdir(parents=True)
        (root / folder / "notes.txt").write_text("mine")
    (root / (cache.TEMPORARY + "1" * 32)).write_text("mine")
    outside.mkdir()
    (outside / "train_images.npy").write_text("mine")
    (root / (cache.TEMPORARY + "2" * 32)).symlink_to(outside)
    inside = root / (cache.TEMPORARY + "3" * 32) / "train_images.npy"
    inside.mkdir(parents=True)
    before = sorted(root.rglob("*"))
    for path in before:
        os.utime(path, (0, 0))
    write(root)
    assert [path for path in before if not path.exists()] == []
    assert (outside / "train_images.npy").read_text() == "mine"


def test_an_entry_with_a_foreign_file_stays(root, capsys):
    entry = damaged_entry(root)
    (entry / "notes.txt").write_text("mine")
    assert cache.find(root, REQUEST) is None
    assert refusal(root) == (
        f"{entry}: found notes.txt, which keras_kd did not write there; expected nothing else where the decoded images "
        "of photos go; move it elsewhere, or name another folder by the environment variable KERAS_KD_CACHE"
    )
    ours = {name for name in cache_entry.FILES if not name.startswith(("checked", "validation"))}
    assert sorted(path.name for path in entry.iterdir()) == sorted({*ours, "notes.txt"})


def test_a_foreign_file_in_a_whole_entry_is_in_nobodys_way(root):
    write(root)
    (only(root) / "notes.txt").write_text("mine")
    assert as_written(cache.find(root, REQUEST)) and as_written(write(root))
    assert (only(root) / "notes.txt").exists()


def test_what_lies_in_the_place_of_an_entry_stays(root, tmp_path):
    entry = damaged_entry(root)
    entry.rename(tmp_path / "elsewhere")
    message = (
        f"{entry}: found what keras_kd did not write there; expected nothing else where the decoded images of photos "
        "go; move it elsewhere, or name another folder by the environment variable KERAS_KD_CACHE"
    )
    entry.write_text("mine")
    assert refusal(root) == message and entry.read_text() == "mine"
    entry.unlink()
    for target in (tmp_path / "elsewhere", tmp_path / "nowhere"):
        entry.symlink_to(target)
        assert refusal(root) == message and entry.is_symlink()
        entry.unlink()
    assert len(list((tmp_path / "elsewhere").iterdir())) == 5


def test_nothing_is_decoded_for_an_entry_that_cannot_be_put_there(root):
    entry = damaged_entry(root)
    (entry / "notes.txt").write_text("mine")

    def decoded():
        raise AssertionError
        yield

    with pytest.raises(UserError, match="notes.txt"):
        cache.write(root, REQUEST, "", ["ant"], {"train": cache.Part(IMAGES.shape, decoded())})


def test_an_entry_that_is_whole_by_now_is_kept(root):
    write(root)
    inode = only(root).stat().st_ino
    write(root)
    assert only(root).stat().st_ino == inode
