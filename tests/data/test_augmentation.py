"""Augmented views are numbers too: finite families, whole-number pixels, labels that say what was mixed."""

import hashlib
import itertools
from functools import lru_cache, partial

import numpy as np
import pytest
from keras import ops
from networks import cnn, outputs_of
from PIL import Image, ImageEnhance, ImageOps

from keras_kd import KD, VIEWS, Distiller, backend
from keras_kd.data.epochs import Epochs, ValidationBatches
from keras_kd.data.views import PRESETS, Augmented, Views, family
from keras_kd.data.views.cutout import Cutout
from keras_kd.data.views.mixing import Cutmix, Mixup, drawn_level
from keras_kd.data.views.rand_augment import OPERATIONS, STRONGEST, RandAugment, operate
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.recipe.load import load
from keras_kd.training.accuracy import Accuracy
from keras_kd.utils.errors import UserError

SHAPE = (9, 7, 3)
CROP_FLIP = VIEWS["crop_flip"]
EVERYTHING = Augmented.on(
    CROP_FLIP, rand_augment=RandAugment(draws=3), cutout=Cutout(4, draws=2), mixing=Mixup(draws=2)
)
FAMILIES = {
    **PRESETS,
    "everything": EVERYTHING,
    "one channel": Augmented.on(VIEWS["flip"], rand_augment=RandAugment(3, 30), cutout=Cutout(3, fill=(99,))),
}


def of_one_backend(families):
    """Names of families, of which the one that has every operation is tried on both backends."""
    return [name if name == "everything" else pytest.param(name, marks=pytest.mark.one_backend) for name in families]


def pixels(count=8, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype("uint8")


def renderer_of(views, images=None):
    """What turns batches into pixels, compiled whole where each of its operations would be."""
    rendered = backend.compiled(ViewRenderer(views, images))
    return lambda batch: ops.convert_to_numpy(rendered(batch))


renderer_of_sent_images = lru_cache(renderer_of)


def shown(views, images, view):
    """The views of images, before they are mixed."""
    return renderer_of_sent_images(views)({"image": images, "view": np.asarray(view, "int32")})


# Operations, each against a plain one in NumPy.


def moved(image, source):
    """The image whose pixel at a point shows what lies at source(x, y), in exact binary fractions; black outside."""
    height, width, _ = image.shape
    new = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            x, y = source(column + 0.5, row + 0.5, width, height)
            if 0 <= x < width and 0 <= y < height:
                new[row, column] = image[int(y), int(x)]
    return new


def blended(image, other, share):
    return np.clip(np.floor(other + (image.astype("int64") - other) * (round(share * 65536) / 65536)), 0, 255)


def grey(image):
    if image.shape[-1] != 3:
        return image.astype("int64")
    return np.repeat(image.astype("int64") @ [19595, 38470, 7471] // 65536, 3).reshape(image.shape)


def blurred(image):
    new = image.astype("int64")
    for row in range(1, image.shape[0] - 1):
        for column in range(1, image.shape[1] - 1):
            around = image[row - 1 : row + 2, column - 1 : column + 2].astype("int64").sum((0, 1))
            new[row, column] = np.round((around + 4 * image[row, column].astype("int64")) / 13)
    return new


def equalized(channel):
    counts = np.bincount(channel.ravel(), minlength=256)
    step = (channel.size - counts[channel.max()]) // 255
    if step == 0:
        return channel
    table = [min((counts[:value].sum() + step // 2) // step, 255) for value in range(256)]
    return np.array(table)[channel]


def stretched(channel):
    low, high = int(channel.min()), int(channel.max())
    return (channel.astype("int64") - low) * 255 // (high - low) if high > low else channel


def by_channel(function, image):
    return np.stack([function(image[..., channel]) for channel in range(image.shape[-1])], -1)


def operated(image, operation, negative, magnitude):
    """One operation on one image, by hand."""
    sign = -1 if negative else 1
    part = magnitude / STRONGEST
    shear = sign * round(0.3 * part * 65536) / 65536
    cosine, sine = (round(one(np.radians(30 * part)) * 65536) / 65536 for one in (np.cos, np.sin))
    share = 1 + sign * 0.9 * part

    def move(size):
        return sign * (150 * magnitude * size // (331 * STRONGEST))

    def turn(x, y, width, height):
        u, v = x - width / 2, y - height / 2
        return cosine * u - sign * sine * v + width / 2, sign * sine * u + cosine * v + height / 2

    match operation:
        case "identity":
            return image
        case "shear_x":
            return moved(image, lambda x, y, w, h: (x + shear * y, y))
        case "shear_y":
            return moved(image, lambda x, y, w, h: (x, y + shear * x))
        case "translate_x":
            return moved(image, lambda x, y, w, h: (x - move(w), y))
        case "translate_y":
            return moved(image, lambda x, y, w, h: (x, y - move(h)))
        case "rotate":
            return moved(image, turn)
        case "brightness":
            return blended(image, 0, share)
        case "color":
            return blended(image, grey(image), share)
        case "contrast":
            return blended(image, np.floor(grey(image).mean() + 0.5), share)
        case "sharpness":
            return blended(image, blurred(image), share)
        case "posterize":
            return image & (256 - 2 ** round(4 * part))
        case "solarize":
            return np.where(image.astype("int64") * STRONGEST >= 255 * (STRONGEST - magnitude), 255 - image, image)
        case "autocontrast":
            return by_channel(stretched, image)
        case "equalize":
            return by_channel(equalized, image)


def telling_images(shape):
    """Noise, a narrow range, one value, dark to bright."""
    images = pixels(4, shape)
    images[1] = 90 + images[1] % 40
    images[2] = 77
    images[3] = np.sort(images[3], axis=0)
    return images


@lru_cache
def on_device(shape, magnitude):
    """{(operation, negative): the telling images after it}, all in one batch."""
    images = telling_images(shape)
    cases = list(itertools.product(range(len(OPERATIONS)), (0, 1)))
    operation, negative = (np.repeat(np.array(cases, "int32")[:, part], len(images)) for part in (0, 1))
    batch = ops.convert_to_tensor(np.tile(images, (len(cases), 1, 1, 1)).astype("int32"))
    operated_whole = backend.compiled(partial(operate, magnitude=magnitude))
    found = operated_whole(batch, ops.convert_to_tensor(operation), ops.convert_to_tensor(negative))
    found = ops.convert_to_numpy(found).reshape(len(cases), *images.shape)
    assert found.dtype == "int32"
    return {(OPERATIONS[case], sign): one for (case, sign), one in zip(cases, found, strict=True)}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_the_one_by_hand(operation):
    for shape, magnitude in ((SHAPE, 0), (SHAPE, 10), (SHAPE, 30), ((17, 21, 1), 17), ((32, 32, 3), 10)):
        for negative in (0, 1):
            expected = [operated(one, operation, negative, magnitude) for one in telling_images(shape)]
            found = on_device(shape, magnitude)[operation, negative]
            np.testing.assert_array_equal(found, expected, err_msg=f"{shape}, {magnitude}, {negative}")


def in_pil(image, operation, magnitude):
    """One operation of the published scale on one image, by PIL."""
    part = magnitude / STRONGEST
    width, height = image.size
    shear, share = 0.3 * part, 1 + 0.9 * part
    match operation:
        case "shear_x":
            return image.transform(image.size, Image.AFFINE, (1, shear, 0, 0, 1, 0), Image.NEAREST)
        case "shear_y":
            return image.transform(image.size, Image.AFFINE, (1, 0, 0, shear, 1, 0), Image.NEAREST)
        case "translate_x":
            return image.transform(image.size, Image.AFFINE, (1, 0, -int(150 / 331 * width * part), 0, 1, 0))
        case "translate_y":
            return image.transform(image.size, Image.AFFINE, (1, 0, 0, 0, 1, -int(150 / 331 * height * part)))
        case "rotate":
            return image.rotate(30 * part, Image.NEAREST)
        case "brightness":
            return ImageEnhance.Brightness(image).enhance(share)
        case "color":
            return ImageEnhance.Color(image).enhance(share)
        case "contrast":
            return ImageEnhance.Contrast(image).enhance(share)
        case "sharpness":
            return ImageEnhance.Sharpness(image).enhance(share)
        case "posterize":
            return ImageOps.posterize(image, 8 - round(4 * part))
        case "solarize":
            return ImageOps.solarize(image, round(255 * (1 - part), 6))
        case "autocontrast":
            return ImageOps.autocontrast(image)
        case "equalize":
            return ImageOps.equalize(image)


@pytest.mark.parametrize("operation", OPERATIONS[1:])
@pytest.mark.parametrize("magnitude", [10, 30])
def test_the_operations_are_those_of_pil(operation, magnitude):
    """A grey level apart at most; turned and sheared images but for points on the edge between two pixels."""
    images = telling_images((32, 32, 3))
    expected = np.stack([np.asarray(in_pil(Image.fromarray(one), operation, magnitude)) for one in images])
    difference = np.abs(on_device((32, 32, 3), magnitude)[operation, 0] - expected.astype("int32"))
    if operation in ("shear_x", "shear_y", "rotate"):
        assert (difference > 0).mean() < 0.01
    else:
        assert difference.max() <= 1


def test_cutout_cuts_the_square_of_its_number_around_any_place_and_nothing_else():
    views = Augmented.on(VIEWS["none"], cutout=Cutout(size=4, draws=600, fill=(7, 8, 9)))
    images = np.repeat(pixels(1), views.count, 0)
    found = shown(views, images, np.arange(views.count))
    corners = set()
    for number in range(1, views.count):
        top, left, bottom, right = views.cutout.boxes(np.array([number]), *SHAPE[:2])[0]
        assert (bottom - top, right - left) == (4, 4)
        expected = images[0].copy()
        expected[max(top, 0) : bottom, max(left, 0) : right] = 7, 8, 9
        np.testing.assert_array_equal(found[number], expected)
        corners.add((int(top) + 2, int(left) + 2))
    assert corners == {(row, column) for row in range(9) for column in range(7)}, "its centre lies anywhere"


@pytest.mark.parametrize(
    "cutout, expected",
    [
        (Cutout(4, fill=(1, 2)), "data.views.fill: has 2 numbers and the images 3 channels; give one number"),
        (Cutout(6), "data.views.cutout: is 6 and the images are 8x6; expected a hole smaller than the image"),
    ],
)
def test_a_hole_fits_the_image_and_its_channels(cutout, expected):
    with pytest.raises(UserError, match=expected):
        Augmented.on(VIEWS["none"], cutout=cutout).check((8, 6, 3))
    Augmented.on(VIEWS["none"], cutout=Cutout(4, fill=(1, 2, 3))).check((8, 6, 3))


@pytest.mark.one_backend
def test_rand_augment_carries_out_what_it_draws_one_after_another():
    views = Augmented.on(VIEWS["none"], rand_augment=RandAugment(operations=3, magnitude=20, draws=24))
    images = np.repeat(pixels(1), views.count, 0)
    found = shown(views, images, np.arange(views.count))
    drawn, negative = views.rand_augment.drawn(np.arange(views.count))
    for number in range(1, views.count):
        expected = images[0]
        for operation, sign in zip(drawn[number], negative[number], strict=True):
            expected = np.asarray(operated(expected, OPERATIONS[operation], sign, 20)).astype("uint8")
        np.testing.assert_array_equal(found[number], expected, err_msg=f"{drawn[number]}")


def test_operations_are_drawn_evenly_and_either_way():
    drawn, negative = RandAugment().drawn(np.arange(162 * 16))
    counts = np.bincount(drawn.ravel(), minlength=len(OPERATIONS))
    assert counts.min() > 300 and counts.max() < 450 and 0.47 < negative.mean() < 0.53


# Families.


def test_families_are_finite_and_say_how_large():
    counts = {name: views.count for name, views in PRESETS.items()}
    assert counts == dict.fromkeys(PRESETS, 162 * 16)
    assert EVERYTHING.count == 162 * 3 * 2 * 2
    for views in FAMILIES.values():
        numbers = views.ids(5, 3, np.arange(20000))
        assert numbers.min() >= 0 and views.count * 0.99 < numbers.max() + 1 <= views.count


def test_a_family_is_a_class_and_a_line_of_the_table(monkeypatch):
    class Negative(Views):
        def pixels(self, images, view):
            return 255 - super().pixels(images, view)

    monkeypatch.setitem(PRESETS, "negative", Negative(flip=True))
    views, images = load("digits", ["data.views=negative"]).data.family, pixels()
    np.testing.assert_array_equal(shown(views, images, [views.identity] * 8), 255 - images)


@pytest.mark.parametrize("name", of_one_backend(FAMILIES))
def test_one_view_is_the_image_itself(name):
    views, images = FAMILIES[name], pixels()
    np.testing.assert_array_equal(shown(views, images, [views.identity] * 8), images)
    split = ValidationBatches(images, np.arange(8), views, 8)
    np.testing.assert_array_equal(renderer_of_sent_images(views)(split[0][0]), images)
    if views.mixing:
        epochs = Epochs(images, np.arange(8), views, 8, image_shape=SHAPE, classes=8)
        batch, labels = epochs.batch(np.arange(8), np.full(8, views.identity))
        np.testing.assert_array_equal(renderer_of_sent_images(views)(batch), images)
        np.testing.assert_array_equal(labels, np.eye(8))


def test_the_first_draws_hold_the_base_view_where_nothing_is_on_top():
    plain = Augmented.on(CROP_FLIP, mixing=Mixup())
    numbers = np.arange(0, 162, 21, dtype="int32")
    np.testing.assert_array_equal(shown(plain, pixels(), numbers), shown(CROP_FLIP, pixels(), numbers))


DIGESTS = {
    "crop_flip_mixup": "93f69c45fafbcbe0c4c564da2a4c78f5904e4f250163383e0e44ed0cda20cff8",
    "crop_flip_cutmix": "432c1e7e16c19fcb5d4ab05b2bf435f4e7077bcc4874a60b920c6a6f6385b98e",
    "crop_flip_cutout": "ff17b9f58d4af135345f011c09677a5807eab5819330614cfb3b01533a363858",
    "crop_flip_rand_augment": "1f0213b8ab6c97ee040f966163a0dc998e77bcdd8bc8a24a71b039de19e8e0ba",
    "everything": "c76d921ac6824cf09a53a902752e723c6f01a16ebdadf03871740dc9880bfde6",
    "one channel": "89bd09dd1cac49c136220d3534215a6cb610409c2881bdb84af90b9332372f7f",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_digest_that_no_backend_process_or_year_may_change(name):
    views = FAMILIES[name]
    images = (np.arange(40 * 9 * 7 * 3) * 37 % 251).astype("uint8").reshape(40, *SHAPE)
    images = images[..., :1] if name == "one channel" else images
    epochs = Epochs(images, np.arange(40) % 5, views, 8, seed=7, image_shape=images.shape[1:], classes=5)
    renderer, digest = renderer_of_sent_images(views), hashlib.sha256()
    for step in range(5):
        batch, labels = epochs[step]
        digest.update(renderer(batch).astype("<f4").tobytes())
        for key in sorted(set(batch) - {"image", "partner_image", "ratio"}):
            digest.update(batch[key].astype("<i4").tobytes())
        digest.update(labels.astype("<f4" if views.mixing else "<i4").tobytes())
    assert digest.hexdigest() == DIGESTS[name]


# Mixing.

MIXED = {name: views for name, views in FAMILIES.items() if views.mixing}


@pytest.mark.parametrize("name", MIXED)
def test_partner_ratio_and_place_are_a_function_of_index_and_view_alone(name):
    views = MIXED[name]
    index, view = np.arange(50), np.arange(50) * 7
    whole = views.plan(index, view, 50, SHAPE)
    back = views.plan(index[::-1], view[::-1], 50, SHAPE)
    for key, values in whole.items():
        np.testing.assert_array_equal(values, back[key][::-1])
    for number in (3, 30):
        alone = views.plan(index[number : number + 1], view[number : number + 1], 50, SHAPE)
        np.testing.assert_equal({key: values[number : number + 1] for key, values in whole.items()}, alone)
    assert whole["partner"].min() >= 0 and whole["partner"].max() < 50 and len(set(whole["partner"])) > 20
    assert 0 <= whole["partner_view"].min() and whole["partner_view"].max() < views.single_count


@pytest.mark.parametrize("name", of_one_backend(MIXED))
@pytest.mark.parametrize("resident", [True, False], ids=["images on the device", "images sent"])
def test_pixels_and_labels_are_mixed_in_one_ratio(name, resident):
    views, images, own = MIXED[name], pixels(24), np.arange(24) % 5
    epochs = Epochs(None if resident else images, own, views, 8, seed=2, image_shape=SHAPE, classes=5)
    renderer = renderer_of(views, images) if resident else renderer_of_sent_images(views)
    for step in range(len(epochs)):
        batch, labels = epochs[step]
        assert labels.dtype == "float32" and labels.shape == (len(batch["index"]), 5)
        np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-7)
        found = renderer(batch)
        first = shown(views, images[batch["index"]], batch["view"])
        second = shown(views, images[batch["partner"]], batch["partner_view"])
        for number, ratio in enumerate(batch["ratio"].astype("float64")):
            if "box" in batch:
                top, left, bottom, right = batch["box"][number]
                expected = first[number].copy()
                expected[top:bottom, left:right] = second[number, top:bottom, left:right]
                area = (bottom - top) * (right - left)
                np.testing.assert_allclose(ratio, 1 - area / (SHAPE[0] * SHAPE[1]), atol=1e-7)
            else:
                expected = ratio * first[number] + (1 - ratio) * second[number]
            np.testing.assert_array_equal(found[number], expected)
            row = np.zeros(5)
            row[own[batch["index"][number]]] += ratio
            row[own[batch["partner"][number]]] += 1 - ratio
            np.testing.assert_allclose(labels[number], row, atol=1e-7)


@pytest.mark.parametrize("name", of_one_backend(FAMILIES))
def test_images_on_the_host_and_on_the_device_give_the_same(name):
    views, images, labels = FAMILIES[name], pixels(24), np.arange(24)
    options = {"image_shape": SHAPE, "classes": 24, "seed": 1}
    on_the_device = Epochs(None, labels, views, 8, **options)
    sent = Epochs(images, labels, views, 8, **options)
    renderer = renderer_of(views, images)
    for step in range(3):
        (one, one_labels), (other, other_labels) = on_the_device[step], sent[step]
        np.testing.assert_array_equal(one_labels, other_labels)
        assert set(other) - set(one) == ({"image", "partner_image"} if views.mixing else {"image"})
        for key, values in one.items():
            np.testing.assert_array_equal(values, other[key])
        np.testing.assert_array_equal(renderer(one), renderer_of_sent_images(views)(other))


@pytest.mark.parametrize("name", of_one_backend(FAMILIES))
def test_a_resumed_run_sees_the_same_epoch(name):
    views, labels = FAMILIES[name], np.arange(10)
    straight = Epochs(None, labels, views, 4, seed=5, image_shape=SHAPE, classes=10)
    straight.begin(1)
    resumed = Epochs(None, labels, views, 4, seed=5, epoch=1, image_shape=SHAPE, classes=10)
    for step in range(3):
        for one, other in zip(straight[step], resumed[step], strict=True):
            np.testing.assert_equal(one, other)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0, 40.0])
def test_ratios_are_distributed_as_beta(alpha):
    levels = drawn_level(alpha, np.arange(40000), 3) / 256
    drawn = np.random.default_rng(0).beta(alpha, alpha, 400000)
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        # Between two levels, so that rounding plays no part.
        bound = (np.floor(np.quantile(drawn, share) * 256) + 0.5) / 256
        assert abs((levels < bound).mean() - (drawn < bound).mean()) < 0.01
    assert abs(levels.mean() - 0.5) < 0.01


def test_ratios_of_alpha_one_are_uniform_to_the_hash():
    counts = np.bincount(drawn_level(1.0, np.arange(256 * 400), 0), minlength=257)
    assert abs(counts[1:-1] - 400).max() < 100 and abs(counts[[0, -1]] - 200).max() < 70


def test_cutmix_mixes_as_often_as_its_probability_says():
    for probability in (0.0, 0.5, 1.0):
        plan = Cutmix(probability=probability).plan(np.arange(4000), np.zeros(4000, int), 4000, (32, 32, 3))
        # Some boxes are empty: the square root of the ratio is rounded down to whole pixels.
        mixed = (plan["ratio"] < 1).mean()
        assert 0.96 * probability - 0.03 <= mixed <= probability + 0.03
        area = (plan["box"][:, 2:] - plan["box"][:, :2]).prod(-1)
        np.testing.assert_allclose(plan["ratio"], 1 - area / 1024, atol=1e-7)


# Training.


def test_accuracy_takes_rows_of_classes_and_whole_numbers_in_turn():
    metric = Accuracy()
    output = np.eye(3, dtype="float32")
    metric.update_state(np.array([0, 1, 0]), output)
    metric.update_state(np.array([[0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0, 1]], "float32"), output)
    metric.update_state(np.array([[0], [1], [2]]), output, sample_weight=np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(float(metric.result()), (2 + 2 + 1) / 7, rtol=1e-6)


@pytest.mark.parametrize("name", ["crop_flip_mixup", pytest.param("crop_flip_cutmix", marks=pytest.mark.one_backend)])
def test_a_student_learns_from_mixed_images_and_is_validated_on_plain_ones(name):
    views, images, labels = FAMILIES[name], pixels(24), np.arange(24) % 5
    renderer = ViewRenderer(views, images)
    distiller = Distiller(
        cnn(4, shape=SHAPE), cnn(4, name="teacher", shape=SHAPE), terms=[KD(temperature=4.0)], views=renderer
    )
    distiller.compile(optimizer="adam", metrics=[Accuracy()])
    epochs = Epochs(None, labels, views, 8, image_shape=SHAPE, classes=5)
    history = distiller.fit(
        epochs, epochs=2, shuffle=False, verbose=0, validation_data=ValidationBatches(images, labels, views, 8)
    ).history
    assert set(history) >= {"accuracy", "val_accuracy", "loss", "kd_loss", "label_loss", "val_loss"}
    for values in history.values():
        assert np.isfinite(values).all()
    predicted = outputs_of(distiller.student, images)
    right = (ops.convert_to_numpy(predicted).argmax(-1) == labels).mean()
    np.testing.assert_allclose(history["val_accuracy"][-1], right, atol=1e-6)


def test_teacher_and_student_see_the_same_mixed_view():
    views, images, labels = FAMILIES["everything"], pixels(), np.arange(8) % 5
    student, teacher = cnn(4, shape=SHAPE), cnn(4, name="teacher", shape=SHAPE)
    distiller = Distiller(student, teacher, terms=[KD(temperature=4.0)], views=ViewRenderer(views, images))
    batch, rows = Epochs(None, labels, views, 8, image_shape=SHAPE, classes=5)[0]

    def joined(batch):
        of_step, y, _ = distiller.join((batch, rows))
        return of_step.images, of_step.signals["teacher"]["logits"], y

    seen, said, y = backend.compiled(joined)(batch)
    rendered = renderer_of(views, images)(batch)
    np.testing.assert_array_equal(ops.convert_to_numpy(seen), rendered)
    np.testing.assert_allclose(
        ops.convert_to_numpy(said),
        ops.convert_to_numpy(outputs_of(teacher, rendered)),
        atol=1e-5,
    )
    np.testing.assert_array_equal(y, rows)


# Recipes.

RECIPE = "data: {name: cifar10, views: VIEWS}\nstudent: digits_tiny\nfit: {epochs: 1}\n"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("crop_flip", CROP_FLIP),
        *PRESETS.items(),
        ("{base: crop_flip}", CROP_FLIP),
        ("{base: flip, cutout: 8}", Augmented.on(VIEWS["flip"], cutout=Cutout(8))),
        ("{cutout: 4, holes: 3, fill: [1, 2, 3]}", Augmented.on(CROP_FLIP, cutout=Cutout(4, 3, (1, 2, 3)))),
        ("{mixup: 0.4, mixes: 5}", Augmented.on(CROP_FLIP, mixing=Mixup(0.4, 5))),
        ("{cutmix: 1.0, cutmix_probability: 1}", Augmented.on(CROP_FLIP, mixing=Cutmix(probability=1.0))),
        (
            "{base: none, rand_augment: {operations: 3, magnitude: 5, seeds: 2}}",
            Augmented.on(VIEWS["none"], rand_augment=RandAugment(3, 5, 2)),
        ),
    ],
)
def test_views_in_recipes(text, expected, tmp_path):
    (tmp_path / "x.yaml").write_text(RECIPE.replace("VIEWS", text))
    recipe = load(tmp_path / "x.yaml")
    assert recipe.data.family == expected
    (tmp_path / "y.yaml").write_text(str(recipe.dump(tmp_path)).replace("'", '"').replace("None", "null").lower())
    assert load(tmp_path / "y.yaml").data == recipe.data


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "crop_flip_mixp",
            ": is 'crop_flip_mixp'; expected one of none, flip, crop_flip, crop_flip_mixup, crop_flip_cutmix, "
            "crop_flip_cutout, crop_flip_rand_augment; did you mean 'crop_flip_mixup'?",
        ),
        ("{base: cropflip}", ".base: is 'cropflip'; expected one of none, flip, crop_flip; did you mean 'crop_flip'?"),
        ("{cutot: 8}", ".cutot: no such field for data.views; did you mean 'cutout'?"),
        ("{cutout: 0}", ".cutout: is 0; expected more than 0"),
        ("{cutout: 8, fill: 300}", ".fill[0]: is 300; expected 255 or less"),
        ("{cutout: 8, fill: []}", ".fill: is a list of 0; expected one number, or one a channel"),
        ("{mixup: 0}", ".mixup: is 0; expected more than 0"),
        ("{mixup: 1, cutmix: 1}", ".cutmix: mixup and cutmix exclude each other; keep one"),
        ("{cutmix: 1, cutmix_probability: 2}", ".cutmix_probability: is 2; expected 1 or less"),
        ("{rand_augment: {magnitude: 31}}", ".rand_augment.magnitude: is 31; expected 30 or less"),
        (
            "{rand_augment: {operation: 2}}",
            ".rand_augment.operation: no such field for data.views.rand_augment; did you mean 'operations'?",
        ),
    ],
)
def test_views_that_cannot_be(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(RECIPE.replace("VIEWS", text))
    with pytest.raises(UserError) as error:
        load("bad.yaml")
    assert str(error.value) == f"bad.yaml:1: data.views{expected}"


def test_a_part_is_set_on_a_text_from_the_command_line(tmp_path):
    (tmp_path / "x.yaml").write_text(RECIPE.replace("VIEWS", "flip"))
    recipe = load(tmp_path / "x.yaml", ["data.views.mixup=0.5"])
    assert recipe.data.family == Augmented.on(VIEWS["flip"], mixing=Mixup(0.5))


def test_a_family_mixes_in_one_way():
    with pytest.raises(UserError, match="both mixup and cutmix"):
        family({"mixup": 1.0, "cutmix": 1.0})
