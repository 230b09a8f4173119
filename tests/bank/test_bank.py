"""The teacher's table: rows are whole or not there, what is read is what the teacher said, nobody computes twice."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import keras
import numpy as np
import pytest
from networks import cnn, values

from keras_kd import BSS, KD, RKD, Distiller, backend, data
from keras_kd.bank.bank import Bank, batches_of
from keras_kd.bank.folder import banks_in, prune
from keras_kd.bank.formats import FORMATS, Format
from keras_kd.bank.key import digest_of_images, digest_of_network
from keras_kd.bank.table import Table
from keras_kd.bank.view_subset import ViewSubset
from keras_kd.data.epochs import Epochs
from keras_kd.data.views import PRESETS, VIEWS, Augmented
from keras_kd.data.views.cutout import Cutout
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.utils.errors import UserError


def pictures(count=40, shape=(8, 8, 1), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype="uint8")


def logits(count=200, classes=30, size=5.0, seed=0):
    return (size * np.random.default_rng(seed).normal(size=(count, classes))).astype("float32")


# Formats, each with its error.


def test_float32_is_exact():
    given = logits()
    written = Format("float32", 30)
    np.testing.assert_array_equal(written.decode(written.encode(given)), given)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_float16_is_within_its_precision(size):
    given = logits(size=size)
    written = Format("float16", 30)
    assert (np.abs(written.decode(written.encode(given)) - given) <= np.abs(given) * 2**-11 + 2**-25).all()


def test_float16_keeps_what_is_too_large_for_it_finite():
    written = Format("float16", 3)
    assert written.decode(written.encode([[1e6, -1e6, 0.0]])).tolist() == [[65504.0, -65504.0, 0.0]]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_int8_is_within_a_510th_of_the_rows_range(size):
    given = logits(size=size)
    written = Format("int8", 30)
    allowed = np.ptp(given, axis=1, keepdims=True) / 510 * 1.001
    assert (np.abs(written.decode(written.encode(given)) - given) <= allowed).all()


def test_int8_of_equal_values_is_exact():
    written = Format("int8", 4)
    assert written.decode(written.encode([[2.5] * 4])).tolist() == [[2.5] * 4]


def test_topk_keeps_the_largest_and_the_mass_of_the_rest():
    given = logits(size=3.0).astype("float64")
    written = Format("topk", 30, kept=5)
    read = written.decode(written.encode(given)).astype("float64")
    largest = np.argsort(given, axis=1)[:, -5:]
    np.testing.assert_allclose(np.take_along_axis(read, largest, 1), np.take_along_axis(given, largest, 1), rtol=2**-10)
    rest = np.ones(given.shape, bool)
    np.put_along_axis(rest, largest, False, 1)
    expected = [np.exp(row[others]).sum() for row, others in zip(given, rest, strict=True)]
    found = [np.exp(row[others]).sum() for row, others in zip(read, rest, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    assert all(len(set(row[others])) == 1 for row, others in zip(read, rest, strict=True))


def test_topk_of_no_more_classes_than_it_keeps_is_float16():
    given = logits(classes=4)
    one, other = Format("topk", 4, kept=4), Format("float16", 4)
    np.testing.assert_array_equal(one.decode(one.encode(given)), other.decode(other.encode(given)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_rows_are_of_the_bytes_that_are_said(name, length):
    written = Format(name, length, kept=3)
    rows = written.encode(logits(5, length))
    assert rows.shape == (5, written.row_bytes) and rows.dtype == np.uint8 and written.row_bytes % 4 == 0
    assert written.decode(rows).shape == (5, length)


def test_many_classes_have_long_numbers():
    given = np.zeros((1, 70_000), "float32")
    given[0, 69_999] = 4.0
    written = Format("topk", 70_000, kept=2)
    assert written.decode(written.encode(given))[0].argmax() == 69_999


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_finite_is_refused(name):
    with pytest.raises(UserError, match="the teacher's output is not finite"):
        Format(name, 2, kept=1).encode([[np.nan, 0.0]])


# Tables.


def table(folder, places=50, name="float32", of="mine"):
    return Table(folder / "table", places, (3,), Format(name, 3), of={"teacher": of})


def test_a_row_is_read_as_it_was_written(tmp_path):
    rows = table(tmp_path)
    given = logits(4, 3)
    assert rows.write([7, 3, 4, 49], given) == 4
    np.testing.assert_array_equal(table(tmp_path).read([49, 7, 7]), given[[3, 0, 0]])
    assert rows.missing([3, 5, 5, 0]).tolist() == [0, 5]
    assert rows.filled() == 4 and rows.filled_places().tolist() == [3, 4, 7, 49]


def test_a_row_that_is_there_stays(tmp_path):
    rows = table(tmp_path)
    rows.write([1], [[1.0, 1.0, 1.0]])
    assert rows.write([1, 2], [[2.0, 2.0, 2.0]] * 2) == 1
    assert rows.read([1, 2]).tolist() == [[1.0] * 3, [2.0] * 3]


def test_a_row_that_is_not_there_is_not_read(tmp_path):
    with pytest.raises(UserError, match="row 5 is not there"):
        table(tmp_path).read([5])


@pytest.mark.parametrize("file, offset", [("rows.bin", 4 * 12 + 5), ("checks.bin", 4 * 4)])
def test_a_damaged_row_is_refused_by_name(tmp_path, file, offset):
    rows = table(tmp_path)
    rows.write([4, 5], logits(2, 3))
    path = tmp_path / "table" / file
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    again = table(tmp_path)
    again.read([5])
    with pytest.raises(UserError, match="rows.bin: row 4 is damaged .* prune"):
        again.read([5, 4])
    assert again.damaged() == [4]


def test_a_row_in_anothers_place_is_damaged(tmp_path):
    rows = table(tmp_path)
    rows.write([4, 5], logits(2, 3))
    for name, size in (("rows.bin", 12), ("checks.bin", 4)):
        path = tmp_path / "table" / name
        content = path.read_bytes()
        path.write_bytes(content[: 4 * size] + content[5 * size : 6 * size] + content[5 * size :])
    assert table(tmp_path).damaged() == [4]


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda path: (path / "table.json").write_text("{"), "table.json: is damaged"),
        (
            lambda path: (path / "table.json").write_text(
                (path / "table.json").read_text().replace('"version": 1', '"version": 0')
            ),
            "of version 0; expected 1",
        ),
        (lambda path: (path / "rows.bin").write_bytes(b"12"), "rows.bin: has 2 bytes; expected 600 bytes"),
        (lambda path: (path / "checks.bin").unlink(), "checks.bin: is missing"),
    ],
)
def test_a_damaged_or_outdated_table_is_refused_by_name(tmp_path, change, expected):
    table(tmp_path)
    change(tmp_path / "table")
    with pytest.raises(UserError, match=expected):
        table(tmp_path)


@pytest.mark.parametrize("other", [{"of": "other"}, {"name": "float16"}, {"places": 51}])
def test_the_table_of_something_else_is_refused(tmp_path, other):
    table(tmp_path)
    with pytest.raises(UserError, match="is the table of something else"):
        table(tmp_path, **other)


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    rows = table(tmp_path)
    rows.write([1], logits(1, 3))

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("keras_kd.bank.table._write_at", full)
        with pytest.raises(UserError, match="No space left on device .* go on with the same command"):
            rows.write([2], logits(1, 3))
    assert rows.filled_places().tolist() == [1]
    assert rows.write([2], logits(1, 3)) == 1


# What a bank is of.


def test_a_networks_digest_depends_on_what_it_computes_and_not_on_names(tmp_path):
    network = cnn(2, name="one")
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert digest_of_network(again) == digest_of_network(network)
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    assert digest_of_network(copy) == digest_of_network(network)
    copy.layers[1].strides = (2, 2)
    assert digest_of_network(copy) != digest_of_network(network)
    weights = network.get_weights()
    weights[0].flat[0] += 1e-6
    again.set_weights(weights)
    assert digest_of_network(again) != digest_of_network(network)


def test_images_digest_is_of_pixels_and_shape():
    images = pictures(4)
    assert digest_of_images(images) == digest_of_images(images.copy())
    assert digest_of_images(images) != digest_of_images(images.reshape(4, 4, 16, 1))
    assert digest_of_images(images) != digest_of_images(images[::-1])


# Filling and reading.


def bank(folder, teacher=None, images=None, views=VIEWS["crop_flip"], **options):
    return Bank(folder, teacher or cnn(4, name="teacher"), pictures() if images is None else images, views, **options)


MIXED = [
    VIEWS["none"],
    VIEWS["crop_flip"],
    PRESETS["crop_flip_mixup"],
    PRESETS["crop_flip_cutmix"],
    Augmented.on(VIEWS["flip"], cutout=Cutout(size=3, draws=4)),
]


@pytest.mark.parametrize("views", MIXED, ids=lambda views: type(views).__name__ + str(views.count))
@pytest.mark.parametrize("resident", [True, False])
def test_a_row_is_what_the_teacher_says_of_the_view(tmp_path, views, resident):
    teacher, images = cnn(4), pictures()
    renderer = ViewRenderer(views, images if resident else None)
    rows = bank(tmp_path, teacher, images, views, taps=["map"], format="float32", renderer=renderer)
    epochs = Epochs(
        None if resident else images, np.zeros(40, int), views, 20, seed=3, image_shape=(8, 8, 1), classes=5, bank=rows
    )
    rendered, said_by_teacher = backend.compiled(renderer), backend.inference(teacher)
    for epoch in range(2):
        epochs.begin(epoch)
        for step in range(len(epochs)):
            sent, _ = epochs[step]
            said = sent.pop("teacher")
            expected = said_by_teacher(rendered(sent))
            np.testing.assert_allclose(said["logits"], keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-4)
            assert said["map"].shape == (len(expected), 6, 6, 4)


def test_nothing_is_asked_twice(tmp_path):
    teacher = cnn(4)
    one = bank(tmp_path, teacher)
    assert one.fill([0, 1, 1], [5, 6, 6]) == 2
    assert one.fill([0, 1, 2], [5, 6, 7]) == 1
    other = bank(tmp_path, teacher)
    assert other.fill([0, 1, 2], [5, 6, 7]) == 0 and other.computed == 0
    assert other.key == one.key


def test_every_view_can_be_filled_first(tmp_path):
    rows = bank(tmp_path, views=VIEWS["flip"])
    told = []
    assert rows.fill_all(lambda done, of: told.append((done, of))) == 80
    assert rows.fill_all() == 0 and told[-1] == (80, 80)
    assert rows.summary()["views"] == 80


@pytest.mark.one_backend
def test_formats_and_signals_have_tables_of_their_own(tmp_path):
    teacher = cnn(4)
    bank(tmp_path, teacher).fill([0], [0])
    with_map = bank(tmp_path, teacher, taps=["map"])
    assert with_map.fill([0], [0]) == 1
    assert bank(tmp_path, teacher, format="int8").fill([0], [0]) == 1
    assert bank(tmp_path, teacher).fill([0], [0]) == 0
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.one_backend
def test_other_teachers_images_and_views_have_other_banks(tmp_path):
    teacher = cnn(4)
    keys = {
        bank(tmp_path, teacher).key,
        bank(tmp_path, cnn(4)).key,
        bank(tmp_path, teacher, pictures(seed=1)).key,
        bank(tmp_path, teacher, views=VIEWS["flip"]).key,
        bank(tmp_path, teacher, few=4).key,
        bank(tmp_path, teacher, from_logits=False).key,
    }
    assert len(keys) == 6


@pytest.mark.one_backend
@pytest.mark.parametrize("name, share", [("float32", 1e-6), ("float16", 2**-10), ("int8", 1 / 500)])
def test_verify_finds_the_difference_of_the_format_and_damage(tmp_path, name, share):
    rows = bank(tmp_path, format=name)
    rows.fill(np.arange(40), np.arange(40))
    said = rows.from_teacher(np.arange(40), np.arange(40))["logits"]
    allowed = share * max(np.ptp(said, axis=1).max(), np.abs(said).max())
    found = rows.verify(sample=20)
    assert found["views"] == 40 and found["damaged"] == 0 and found["sampled"] == 20
    assert found["largest_difference"]["logits"] <= allowed
    file = rows.tables["logits"].folder / "rows.bin"
    content = bytearray(file.read_bytes())
    content[rows.tables["logits"].format.row_bytes * (3 * 162 + 3)] ^= 255
    file.write_bytes(content)
    assert bank(tmp_path, rows._tapped.network, format=name).verify()["damaged"] == 1


@pytest.mark.one_backend
def test_an_ensemble_banks_its_members_and_another_of_them_costs_nothing(tmp_path):
    from keras_kd.models.wrappers.ensemble import ensemble, mean_of_logits

    networks = [cnn(4), cnn(3), cnn(2)]

    def mean_of(chosen, **how):
        parts = (chosen, [True] * len(chosen), how)
        return bank(tmp_path, ensemble(chosen, **how), members=parts, format="float32")

    both = mean_of(networks[:2])
    index, number = np.arange(40), np.arange(40)
    both.fill(index, number)
    assert both.computed == 40 and [one.computed for one in both.members] == [40, 40]
    expected = mean_of_logits([one.rows(index, number)["logits"] for one in both.members])
    np.testing.assert_allclose(
        both.rows(index, number)["logits"], keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5
    )
    assert both.verify(40)["largest_difference"]["logits"] < 1e-4
    other = mean_of([networks[1], networks[0]], mean="logits")
    other.fill(index, number)
    assert [one.computed for one in other.members] == [0, 0] and other.computed == 0
    mean_of(networks).fill(index, number)
    assert len(list(tmp_path.iterdir())) == 6


# Few views.


@pytest.mark.parametrize("views", [VIEWS["crop_flip"], VIEWS["flip"], PRESETS["crop_flip_mixup"]])
def test_few_views_are_different_ones_for_each_image(views):
    few = ViewSubset(views, min(16, views.count))
    index = np.arange(30)
    chosen = np.stack([few.views(index, np.full(30, turn)) for turn in range(few.count)])
    assert chosen.min() >= 0 and chosen.max() < views.count
    assert all(len(set(column)) == few.count for column in chosen.T)
    assert len({tuple(column) for column in chosen.T}) > (1 if views.count > 16 else 0)


def test_few_views_are_the_same_for_every_seed_and_all_come_up():
    few = ViewSubset(VIEWS["crop_flip"], 4)
    index = np.arange(50)
    turns = np.stack([few.turns(seed, epoch, index) for seed in range(3) for epoch in range(20)])
    assert all(set(column) == {0, 1, 2, 3} for column in turns.T)


# Banked training.


def trained(folder, banked, format="float32", epochs=3, terms=None, views=VIEWS["crop_flip"], few=None, seed=0):
    keras.utils.set_random_seed(1) if keras.backend.backend() == "tensorflow" else np.random.seed(1)
    teacher, student = cnn(4, name="teacher"), cnn(2, name="student")
    generator = np.random.default_rng(0)
    for network in (teacher, student):
        network.set_weights([generator.normal(0.1, 0.3, one.shape) ** 2 for one in network.get_weights()])
    images, labels = pictures(), np.arange(40) % 5
    renderer = ViewRenderer(views, images)
    terms = terms or [KD(temperature=2.0)]
    taps = [tap for term in terms for tap in term.taps("teacher")]
    rows = None
    if banked:
        rows = bank(folder, teacher, images, views, taps=taps, format=format, renderer=renderer, few=few)
    distiller = Distiller(student, teacher, terms=terms, label_weight=0.5, views=renderer, banked=banked)
    distiller.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
    # Full batches: a smaller one at the end is compiled for itself.
    fed = Epochs(None, labels, views, 20, seed=seed, image_shape=(8, 8, 1), classes=5, bank=rows)
    history = distiller.fit(fed, epochs=epochs, shuffle=False, verbose=0).history
    return distiller, history, rows


@pytest.mark.parametrize("views", [VIEWS["crop_flip"], PRESETS["crop_flip_mixup"]], ids=["crop_flip", "mixup"])
@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(None, marks=pytest.mark.one_backend, id="kd"),
        pytest.param([RKD(student_tap="map", teacher_tap="map"), KD()], id="rkd + kd"),
    ],
)
def test_a_banked_run_and_a_live_run_give_the_same_student(tmp_path, terms, views):
    live, live_history, _ = trained(tmp_path, banked=False, terms=terms, views=views)
    banked, history, _ = trained(tmp_path, banked=True, terms=terms, views=views)
    assert set(history) == set(live_history)
    np.testing.assert_allclose(history["loss"], live_history["loss"], rtol=1e-4)
    for one, other in zip(values(banked.student), values(live.student), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.one_backend
def test_images_set_aside_leave_the_others_their_views_and_their_bank(tmp_path):
    whole, views = data.load("digits", train_images=60), VIEWS["crop_flip"]
    part = data.load("digits", train_images=60, validation=0.25)
    teacher = cnn(4, classes=10)
    np.testing.assert_array_equal(part.train.whole.images, whole.train.images)
    np.testing.assert_array_equal(whole.train.images[part.train.positions], part.train.images)
    np.testing.assert_array_equal(whole.train.labels[part.train.positions], part.train.labels)
    of_all = bank(tmp_path, teacher, whole.train.images, views)
    Epochs(None, whole.train.labels, views, 16, bank=of_all).fill()
    again = bank(tmp_path, teacher, part.train.whole.images, views)
    options = {"images": part.train.images, "labels": part.train.labels, "views": views, "batch_size": 15}
    epochs = Epochs(**options, bank=again, positions=part.train.positions)
    epochs.fill()
    assert again.computed == 0
    live = Epochs(**options, positions=part.train.positions)
    rendered, said_by_teacher = backend.compiled(ViewRenderer(views)), backend.inference(teacher)
    for step in range(len(epochs)):
        (sent, labels), (same_sent, same_labels) = epochs[step], live[step]
        np.testing.assert_array_equal(sent["view"], same_sent["view"])
        np.testing.assert_array_equal(labels, same_labels)
        said = said_by_teacher(rendered({"image": sent["image"], "view": sent["view"]}))
        np.testing.assert_allclose(sent["teacher"]["logits"], said, rtol=1e-2, atol=1e-2)


@pytest.mark.one_backend
def test_a_half_precision_bank_gives_almost_the_same_student(tmp_path):
    live, _, _ = trained(tmp_path, banked=False)
    banked, _, _ = trained(tmp_path, banked=True, format="float16")
    for one, other in zip(values(banked.student), values(live.student), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=2e-3)


def test_a_banked_distiller_carries_no_teacher(tmp_path):
    distiller, _, rows = trained(tmp_path, banked=True, epochs=1)
    assert distiller.teacher is None
    teachers = {id(variable) for variable in rows._tapped.network.variables}
    assert not teachers & {id(variable) for variable in distiller.variables}


@pytest.mark.one_backend
def test_another_seed_finds_what_is_there(tmp_path):
    _, _, first = trained(tmp_path, banked=True, few=2, epochs=6)
    _, _, second = trained(tmp_path, banked=True, few=2, epochs=6, seed=1)
    assert first.computed <= 80 and second.computed == 80 - first.computed
    assert second.key == first.key


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"terms": [BSS()]}, "banked: BSS asks the teacher in the step"),
        ({"teacher": None, "terms": []}, "banked: found no teacher"),
        ({"views": None}, "banked: found no views"),
    ],
)
def test_what_cannot_be_banked_is_refused(options, expected):
    given = {"teacher": cnn(4), "terms": [KD()], "views": ViewRenderer(VIEWS["flip"], pictures()), **options}
    with pytest.raises(UserError, match=expected):
        Distiller(cnn(2), banked=True, **given)


# Folders of banks.


@pytest.mark.one_backend
def test_banks_are_told_of_and_thrown_away(tmp_path):
    one, other = bank(tmp_path, name="large"), bank(tmp_path, views=VIEWS["flip"], name="small")
    one.fill([0, 1], [0, 1])
    os.utime(other.folder / "about.json", (0, 0))
    for file in other.folder.rglob("*"):
        os.utime(file, (0, 0))
    found = banks_in(tmp_path)
    assert [(said["key"], said["teacher"], said["images"], said["views"]) for said in found] == [
        (one.key, "large", 40, 162),
        (other.key, "small", 40, 2),
    ]
    assert found[0]["tables"] == {"logits-float16": {"filled": 2, "places": 40 * 162}}
    with pytest.raises(UserError, match="no bank 'zzzz'"):
        prune(tmp_path, ["zzzz"])
    assert [gone["key"] for gone in prune(tmp_path, older_than=1)] == [other.key]
    (one.tables["logits"].folder / "table.json").write_text("?")
    assert "damaged" in banks_in(tmp_path)[0]
    assert [gone["key"] for gone in prune(tmp_path, damaged=True)] == [one.key]
    assert banks_in(tmp_path) == []


def test_a_disk_without_room_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    rows = bank(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("usage", "total used free")(1, 1, 1000))
    with pytest.raises(UserError, match=r"the bank needs 104 kB more and the disk has 1 kB free; .*--bank live"):
        rows.check_room()


def test_the_need_grows_with_the_epochs_up_to_all_views(tmp_path):
    rows = bank(tmp_path)
    assert rows.bytes_for(1) == 40 * rows.view_bytes
    assert rows.views_in(240) == pytest.approx(125.3, abs=0.1)
    assert rows.bytes_for(1) < rows.bytes_for(100) < rows.bytes_for() == 40 * 162 * rows.view_bytes


# Processes.

FILLING = """
    import sys
    import numpy as np
    from keras_kd.bank.formats import Format
    from keras_kd.bank.table import Table

    table = Table(sys.argv[1], 2000, (8,), Format("float16", 8), of={"teacher": "mine"})
    for round in range(int(sys.argv[2])):
        places = np.random.default_rng([round, int(sys.argv[3])]).permutation(2000)[:100]
        missing = table.missing(places)
        table.write(missing, np.repeat(missing[:, None], 8, 1))
        if round == 0:
            print("begun", flush=True)
    print("done", flush=True)
"""


def filling(folder, rounds, seed):
    code = textwrap.dedent(FILLING)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(rounds), str(seed)], stdout=subprocess.PIPE, text=True
    )


def numbered(folder):
    return Table(folder, 2000, (8,), Format("float16", 8), of={"teacher": "mine"})


@pytest.mark.one_backend
def test_a_killed_process_leaves_whole_rows_and_others_go_on(tmp_path):
    folder = tmp_path / "table"
    for seed in range(4):
        process = filling(folder, 10**6, seed)
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.02 * (seed + 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    rows = numbered(folder)
    there = rows.filled_places()
    assert rows.damaged() == [] and len(there) > 0
    np.testing.assert_array_equal(rows.read(there)[:, 0], there.astype("float16"))
    rows.write(rows.missing(np.arange(2000)), np.repeat(rows.missing(np.arange(2000))[:, None], 8, 1))
    np.testing.assert_array_equal(rows.read(np.arange(2000))[:, 3], np.arange(2000).astype("float16"))


@pytest.mark.one_backend
def test_several_processes_fill_one_table(tmp_path):
    folder = tmp_path / "table"
    processes = [filling(folder, 60, seed) for seed in range(3)]
    for process in processes:
        assert process.communicate()[0].split() == ["begun", "done"]
    rows = numbered(folder)
    there = rows.filled_places()
    assert rows.damaged() == [] and len(there) > 1500
    np.testing.assert_array_equal(rows.read(there)[:, 7], there.astype("float16"))


def test_only_banks_are_pruned(tmp_path):
    for name in ("digits", "docs", "0" * 15, "g" * 16):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    assert banks_in(tmp_path) == [] and prune(tmp_path, older_than=0, damaged=True) == []
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("key", ["", "abc"])
def test_a_key_is_not_a_letter_or_two(tmp_path, key):
    one = bank(tmp_path)
    with pytest.raises(UserError, match="expected 4 of its letters or more"):
        prune(tmp_path, [key])
    assert one.folder.exists()


@pytest.mark.one_backend
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_rows_are_seen_without_reading_them_and_the_fix_works(tmp_path, damage):
    teacher = cnn(4)
    one = bank(tmp_path, teacher)
    one.fill([0], [0])
    rows = one.tables["logits"]._rows_file
    if damage == "cut":
        os.truncate(rows, 10)
    else:
        rows.unlink()
    assert "rows.bin" in banks_in(tmp_path)[0]["damaged"]
    with pytest.raises(UserError) as error:
        bank(tmp_path, teacher)
    assert f"`keras-kd bank prune {one.key} --folder {tmp_path}` removes it" in str(error.value)
    assert [gone["key"] for gone in prune(tmp_path, damaged=True)] == [one.key]


@pytest.mark.one_backend
def test_what_is_told_of_a_bank_is_written_again_where_it_was_lost(tmp_path):
    teacher = cnn(4)
    one = bank(tmp_path, teacher)
    (one.folder / "about.json").write_text("{}")
    bank(tmp_path, teacher)
    assert banks_in(tmp_path)[0]["teacher"] == "teacher" and "damaged" not in banks_in(tmp_path)[0]


@pytest.mark.parametrize("by_shape", [False, True])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 186, 187, 250, 251, 999])
def test_batches_hold_every_view_once(count, by_shape):
    batches = batches_of(count, by_shape)
    assert [place for start, taken, _ in batches for place in range(start, start + taken)] == list(range(count))
    assert {size for *_, size in batches} <= {64, 250} or not by_shape
    assert all(0 <= size - taken < 64 for _, taken, size in batches)


@pytest.mark.both_backends
def test_a_teacher_that_gives_no_numbers_is_named_with_its_layer_and_the_image(tmp_path):
    class Pole(keras.layers.Layer):
        def call(self, x):
            return 1.0 / (x - 3.0)

    layers = [keras.Input((8, 8, 1)), keras.layers.GlobalMaxPooling2D(), Pole(name="pole"), keras.layers.Dense(2)]
    images = np.zeros((6, 8, 8, 1), "uint8")
    images[4] = 3
    bank = Bank(tmp_path, keras.Sequential(layers), images, VIEWS["none"], name="odd.keras")
    said = "odd.keras gives logits that are .* for training image 4 in view 0, first in its layer 'pole'"
    with pytest.raises(UserError, match=f"the teacher's output is not finite: {said}"):
        bank.fill_all()
    assert bank.tables["logits"].filled() == 0
