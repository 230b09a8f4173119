"""An ensemble whose members see views of their own: in the step, in a bank, and what it cannot be combined with."""

import keras
import numpy as np
import pytest
from keras import ops
from networks import cnn

from keras_kd import AT, KD, Distiller, Epochs
from keras_kd.bank.bank import Bank
from keras_kd.data.views import family
from keras_kd.data.views.member_views import MemberViews
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.models.wrappers.ensemble import ensemble
from keras_kd.models.wrappers.own_views import on_own_views
from keras_kd.utils.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), "uint8")
LABELS = np.arange(24) % 5
VIEWS, SEEDS, WEIGHTS = family("crop_flip"), (1, 2, 7), (1, 2, 1)
OWN = MemberViews(SEEDS, VIEWS)


def members():
    keras.utils.set_random_seed(4)
    # Far from uniform, so that another view is another answer.
    networks = [cnn(4, name="same") for _ in SEEDS]
    for one in networks:
        one.get_layer("logits").kernel.assign(0.1 * ops.convert_to_numpy(one.get_layer("logits").kernel))
    return networks


def epochs(**options):
    return Epochs(None, LABELS, VIEWS, 8, seed=3, image_shape=(8, 8, 1), classes=5, **options)


def distiller_of(teacher, terms=None, **options):
    return Distiller(cnn(3, name="student"), teacher, terms or KD(), **options)


def by_hand(networks, index, view):
    """The mean of the probabilities of members on their own views, one image at a time."""
    probabilities = []
    for place, seen in zip(index, view, strict=True):
        total = 0
        for network, seed, weight in zip(networks, SEEDS, WEIGHTS, strict=True):
            own = MemberViews((seed,), VIEWS).of(np.array([place]), np.array([seen]))[0, 0]
            image = VIEWS.render(IMAGES[place : place + 1], np.array([own], "int32"))
            total = total + weight / sum(WEIGHTS) * ops.softmax(network(image, training=False))
        probabilities.append(ops.convert_to_numpy(total)[0])
    return np.array(probabilities)


@pytest.mark.both_backends
def test_each_member_is_shown_its_own_view_and_the_student_one():
    networks, data = members(), epochs(member_views=OWN)
    teacher = on_own_views(networks, weights=WEIGHTS)
    distiller = distiller_of(teacher, views=ViewRenderer(VIEWS, IMAGES))
    sent, labels = data[0]
    joined, _, _ = distiller.join((sent, labels))
    found = ops.convert_to_numpy(ops.softmax(joined.signals["teacher"]["logits"]))
    np.testing.assert_allclose(found, by_hand(networks, data.order[:8], data.view[:8]), rtol=1e-4)
    np.testing.assert_array_equal(joined.images, VIEWS.render(IMAGES[data.order[:8]], data.view[:8]))
    same = ops.convert_to_numpy(ops.softmax(teacher(joined.images, training=False)))
    assert np.abs(found - same).max() > 1e-3, "views of their own make no difference here"
    distiller.compile(optimizer="sgd")
    before = teacher.get_weights()
    assert np.isfinite(distiller.fit(data, verbose=0).history["loss"]).all()
    for one, other in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.both_backends
def test_a_bank_holds_what_the_members_say_of_their_own_views(tmp_path):
    networks = members()
    how = {"weights": [0.25, 0.5, 0.25], "mean": "probabilities", "temperature": None}
    parts = (networks, [True] * 3, how)
    settings = {"format": "float32", "members": parts}
    bank = Bank(tmp_path, on_own_views(networks, weights=WEIGHTS), IMAGES, VIEWS, member_views=OWN, **settings)
    data = epochs(bank=bank, member_views=OWN)
    sent, _ = data[0]
    assert "member_view" not in sent
    expected = by_hand(networks, data.order[:8], data.view[:8])
    np.testing.assert_allclose(ops.convert_to_numpy(ops.softmax(sent["teacher"]["logits"])), expected, rtol=1e-4)
    checked = bank.verify()
    assert checked["views"] == 24 and checked["largest_difference"]["logits"] < 1e-5
    plain = Bank(tmp_path, ensemble(networks, weights=WEIGHTS), IMAGES, VIEWS, **settings)
    assert plain.key != bank.key, "the mean over other views is another table"
    # What a member says of a view is the same whoever asks.
    assert [one.key for one in plain.members] == [one.key for one in bank.members]
    index, own = np.divmod(bank.members[1].tables["logits"].filled_places(), VIEWS.count)
    assert (OWN.of(data.order, data.view)[np.argsort(data.order), 1] == own[np.argsort(index)]).all()


def test_with_few_views_the_members_keep_to_the_few(tmp_path):
    networks = members()
    how = {"weights": [1 / 3] * 3, "mean": "probabilities", "temperature": None}
    parts = (networks, [True] * 3, how)
    bank = Bank(tmp_path, on_own_views(networks), IMAGES[:6], VIEWS, few=4, members=parts, member_views=OWN)
    bank.fill_all()
    assert bank.tables["logits"].filled() == 24
    filled = [one.tables["logits"].filled() for one in bank.members]
    assert all(0 < one <= 24 for one in filled) and bank.asks(np.arange(6), np.zeros(6, int)) == 0


def test_views_follow_from_seed_image_and_view_and_equal_seeds_see_the_same():
    index, view = np.arange(2000), np.arange(2000) % VIEWS.count
    both = MemberViews((5, 5, 6), VIEWS).of(index, view)
    assert both.shape == (2000, 3) and both.min() >= 0 and both.max() < VIEWS.count
    assert (both[:, 0] == both[:, 1]).all() and (both[:, 0] == both[:, 2]).mean() < 0.03
    assert (both[:, 0] == view).mean() < 0.03
    # All views come about as often.
    count = np.bincount(MemberViews((1,), VIEWS).of(np.arange(40_000), np.zeros(40_000, int))[:, 0], minlength=162)
    assert count.min() > 180 and count.max() < 320


def test_what_does_not_fit_is_refused_by_name():
    networks, renderer = members(), ViewRenderer(VIEWS, IMAGES)
    own, plain = on_own_views(networks), ensemble(networks)
    with pytest.raises(UserError, match="views that mix images, of which each member would see another mixture"):
        MemberViews(SEEDS, family({"base": "crop_flip", "mixup": {}}))
    layers = AT(student_taps=("map",), teacher_taps=("member_1/map",))
    cases = (
        (plain, KD(), epochs(member_views=OWN), "the batches name views of its members; give on_own_views"),
        (own, KD(), epochs(), "its members see views of their own and the batches name none; give Epochs"),
        (own, layers, epochs(member_views=OWN), "a term reads member_1/map of it"),
    )
    for teacher, term, data, message in cases:
        distiller = distiller_of(teacher, term, views=renderer)
        with pytest.raises(UserError, match=message):
            distiller.join(data[0])
