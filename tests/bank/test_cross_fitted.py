"""A bank of teachers of folds by itself: whom it asks, what it refuses; the correction of the loss needs no option."""

import keras
import numpy as np
import pytest

from keras_kd import KD, VIEWS, CrossFittedBank, Distiller, Epochs, ViewRenderer
from keras_kd.data.folds import fold_of
from keras_kd.utils.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), "uint8")
LABELS = np.arange(12) % 3
FOLD = fold_of(LABELS, 3)


def network():
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])


def test_a_distiller_in_python_learns_of_each_images_own_teacher(tmp_path):
    teachers, views, renderer = [network() for _ in range(3)], VIEWS["flip"], ViewRenderer(VIEWS["flip"], IMAGES)
    bank = CrossFittedBank(tmp_path, teachers, IMAGES, views, FOLD, renderer=renderer, format="float32")
    epochs = Epochs(None, LABELS, views, batch_size=4, bank=bank)
    epochs.fill()
    sent, _ = epochs[0]
    for number, (index, view) in enumerate(zip(sent["index"], sent["view"], strict=True)):
        image = IMAGES[index][:, ::-1] if view else IMAGES[index]
        said = np.asarray(teachers[FOLD[index]](image[None].astype("float32")))[0]
        np.testing.assert_allclose(sent["teacher"]["logits"][number], said, atol=1e-3)
    assert bank.computed == 12 and [one.computed for one in bank.banks] == [4, 4, 4]
    distiller = Distiller(network(), teachers[0], terms=[KD(temperature=1.0)], views=renderer, banked=True)
    distiller.compile(optimizer="adam")
    assert len(distiller.fit(epochs, epochs=2, verbose=0).history["kd_loss"]) == 2
    # Another process finds what is there.
    again = CrossFittedBank(tmp_path, teachers, IMAGES, views, FOLD, format="float32")
    assert again.asks_in_all() == 24 - bank.filled() and again.summary()["members"] == bank.summary()["members"]


@pytest.mark.parametrize(
    "fold, said", [(FOLD[:5], "a fold for each of 12 images"), (FOLD + 1, "found 1 to 3; expected 0 to 2")]
)
def test_folds_that_are_not_those_of_the_images_are_refused(fold, said, tmp_path):
    with pytest.raises(UserError, match=said):
        CrossFittedBank(tmp_path, [network() for _ in range(3)], IMAGES, VIEWS["none"], fold)


def test_the_correction_of_the_loss_is_a_weight_of_the_labels():
    share, generator = 0.3, np.random.default_rng(1)
    teacher = generator.normal(size=(12, 3)).astype("float32")
    odds = np.exp(teacher)
    said = odds / odds.sum(1, keepdims=True)
    corrected, apart = said + share * (np.eye(3)[LABELS] - said), []
    for _ in range(3):
        student = generator.normal(size=(12, 3)).astype("float32")
        log = student - np.log(np.exp(student).sum(1, keepdims=True))
        kd = KD(temperature=1.0).loss({"student": {"logits": student}, "teacher": {"logits": teacher}}, None, {})
        weighed = -share * log[np.arange(12), LABELS] + (1 - share) * np.asarray(kd)
        apart.append(weighed + (corrected * log).sum(1))
    # No student changes what is left: the teacher's entropy.
    np.testing.assert_allclose(apart[1:], apart[:1] * np.ones((2, 1)), atol=1e-5)
