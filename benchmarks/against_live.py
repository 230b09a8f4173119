"""A step of keras_kd compared with the same step of what people use: `keras.distillation` and a plain PyTorch loop.

    pip install -e '.[benchmarks]'
    python benchmarks/against_live.py [--pair resnet56_to_resnet20] [--quick] [--json]

All are timed in one process, in turn, order drawn anew each round: the student alone in Keras and in PyTorch; KD with a
live teacher in `keras.distillation`, PyTorch and keras_kd; KD with keras_kd's bank; and the same for the squared
difference of the second stage's maps. Keras and keras_kd both make views of the images (a crop, a flip), Keras as one
writes it with Keras alone, by `tf.data` and its own SGD; PyTorch gets images that are ready. All have an allocator that
keeps its memory (`keras_kd.backend.keep_memory`).
"""

import tempfile

import numpy as np
from measuring import finish, interleaved, options, spread
from tax import PAIRS

LIKE = {"image_shape": (32, 32, 3), "classes": 100, "mean": (0.5,) * 3, "std": (0.25,) * 3}
TEMPERATURE, TAP, MAPS_WEIGHT = 4.0, "stage2", 10.0


def map_difference():
    """Mean (s - t)^2 of two maps as a method: what `keras.distillation.FeatureDistillation` does."""
    from keras import ops

    from keras_kd.methods.tap_pairs import TapPair

    class MapDifference(TapPair):
        default_weight = MAPS_WEIGHT
        paper, cites, numbers_from = "none", (), "none"
        student_tap: str = TAP
        teacher_tap: str = TAP

        def loss(self, signals, labels, adapters):
            student, teacher = self.pair(signals)
            return ops.mean(ops.square(student - teacher), axis=(1, 2, 3))

    return MapDifference()


def keras_kd_ways(teachers, student, images, labels, batch, folder, with_maps):
    """{name: function that trains over the images once} of keras_kd."""
    from keras_kd import KD, SGD, VIEWS, Bank, Distiller, Epochs, ViewRenderer
    from keras_kd.models import build
    from keras_kd.models.wrappers.ensemble import ensemble

    members, views = [build(name, **LIKE) for name in teachers], VIEWS["crop_flip"]
    teacher = members[0] if len(members) == 1 else ensemble(members)
    work = {}
    methods = {"": (KD(temperature=TEMPERATURE), ())}
    if with_maps:
        methods["maps, "] = map_difference(), (TAP,)
    for what, (method, taps) in methods.items():
        for way in ("live", "bank"):
            renderer, bank = ViewRenderer(views, images), None
            if way == "bank":
                mean = (members, [True] * len(members), {}) if len(members) > 1 else None
                bank = Bank(folder, teacher, images, views, taps=taps, members=mean, renderer=renderer)
            distiller = Distiller(
                build(student, **LIKE), teacher, [method], label_weight=0.1, views=renderer, banked=bank is not None
            )
            distiller.compile(optimizer=SGD(0.05, momentum=0.9, l2=5e-4), metrics=["accuracy"])
            epochs = Epochs(None, labels, views, batch, bank=bank)
            work[f"keras_kd, {what}{way}"] = lambda d=distiller, e=epochs: d.fit(e, verbose=0)
    return work


def keras_ways(teachers, student, images, labels, batch, with_maps):
    """{name: function} of Keras: the student alone and `keras.distillation`, as one writes them with Keras alone."""
    import keras
    import tensorflow as tf

    from keras_kd import backend
    from keras_kd.models import build

    def crop_flip(image, label):
        image = tf.pad(tf.cast(image, "float32"), [[4, 4], [4, 4], [0, 0]])
        return tf.image.random_flip_left_right(tf.image.random_crop(image, (32, 32, 3))), label

    views = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images))
    views = views.map(crop_flip, tf.data.AUTOTUNE).batch(batch).prefetch(tf.data.AUTOTUNE)
    members = [build(name, **LIKE) for name in teachers]
    teacher = members[0]
    if len(members) > 1:
        pixels = keras.Input((32, 32, 3))
        for number, member in enumerate(members):
            member.name = f"member_{number}"
        teacher = keras.Model(pixels, keras.layers.Average()([member(pixels) for member in members]))
    losses = {"": keras.distillation.LogitsDistillation(temperature=TEMPERATURE)}
    if with_maps:
        losses["maps, "] = keras.distillation.FeatureDistillation(
            loss="mse", teacher_layer_name=TAP, student_layer_name=TAP
        )
    models = {"keras, alone": build(student, **LIKE)}
    for what, loss in losses.items():
        models[f"keras.distillation, {what}live"] = keras.distillation.Distiller(
            teacher, build(student, **LIKE), [loss], [1.0], student_loss_weight=0.1
        )
    work = {}
    for name, model in models.items():
        model.compile(
            optimizer=keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=5e-4),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=backend.jit_compile(),
        )
        work[name] = lambda model=model: model.fit(views, verbose=0)
    return work


def torch_ways(teachers, student, images, labels, batch, with_maps, device="cpu"):
    """{name: function} of a plain PyTorch loop on a device."""
    import torch
    from torch.nn import functional
    from torch_networks import network, parameters, trainer

    from keras_kd.models import build

    for name in {*teachers, student}:
        ours, theirs = (
            sum(int(np.prod(one.shape)) for one in build(name, **LIKE).trainable_variables),
            parameters(network(name)),
        )
        assert ours == theirs, f"{name}: {ours} parameters in keras_kd, {theirs} in PyTorch"

    def kd(logits, maps, labels, taught, taught_maps):
        soft = functional.kl_div(
            functional.log_softmax(logits / TEMPERATURE, 1),
            functional.softmax(taught / TEMPERATURE, 1),
            reduction="batchmean",
        )
        return 0.1 * functional.cross_entropy(logits, labels) + 0.9 * TEMPERATURE**2 * soft

    def map_loss(logits, maps, labels, taught, taught_maps):
        return 0.1 * functional.cross_entropy(logits, labels) + MAPS_WEIGHT * functional.mse_loss(maps, taught_maps)

    def alone(logits, maps, labels, taught, taught_maps):
        return functional.cross_entropy(logits, labels)

    pixels = torch.from_numpy(((images / 255 - 0.5) / 0.25).transpose(0, 3, 1, 2).astype("float32")).contiguous()
    pixels, whole = pixels.to(device), torch.from_numpy(labels.astype("int64")).to(device)
    batches = [(pixels[at : at + batch], whole[at : at + batch]) for at in range(0, len(images), batch)]
    members = [network(name).to(device) for name in teachers]
    work = {
        "pytorch, alone": trainer(network(student).to(device), [], batches, alone),
        "pytorch, live": trainer(network(student).to(device), members, batches, kd),
    }
    if with_maps:
        work["pytorch, maps, live"] = trainer(network(student).to(device), members, batches, map_loss)
    return work


# Name of a ratio: (what, over what).
RATIOS = {
    "keras.distillation over the student alone in Keras": ("keras.distillation, live", "keras, alone"),
    "PyTorch live over the student alone in PyTorch": ("pytorch, live", "pytorch, alone"),
    "keras_kd live over the student alone in Keras": ("keras_kd, live", "keras, alone"),
    "keras_kd banked over the student alone in Keras": ("keras_kd, bank", "keras, alone"),
    "keras.distillation over keras_kd live": ("keras.distillation, live", "keras_kd, live"),
    "keras.distillation over keras_kd banked": ("keras.distillation, live", "keras_kd, bank"),
    "PyTorch live over keras_kd banked": ("pytorch, live", "keras_kd, bank"),
    "maps: keras.distillation over the student alone in Keras": ("keras.distillation, maps, live", "keras, alone"),
    "maps: keras.distillation over keras_kd live": ("keras.distillation, maps, live", "keras_kd, maps, live"),
    "maps: keras.distillation over keras_kd banked": ("keras.distillation, maps, live", "keras_kd, maps, bank"),
    "maps: PyTorch live over keras_kd banked": ("pytorch, maps, live", "keras_kd, maps, bank"),
}


def measure(teachers, student, steps, batch, rounds):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (steps * batch, 32, 32, 3), dtype="uint8")
    labels = generator.integers(0, 100, steps * batch).astype("int32")
    with_maps = len(teachers) == 1
    with tempfile.TemporaryDirectory() as folder:
        work = keras_kd_ways(teachers, student, images, labels, batch, folder, with_maps)
        work.update(keras_ways(teachers, student, images, labels, batch, with_maps))
        work.update(torch_ways(teachers, student, images, labels, batch, with_maps))
        for train in work.values():
            train()
        times = interleaved(work, rounds)
    return {
        "seconds_a_step": {
            name: {kind: spread(values / steps) for kind, values in one.items()} for name, one in times.items()
        },
        "ratio": {
            name: {kind: spread(times[over][kind] / times[under][kind]) for kind in ("wall", "cpu")}
            for name, (over, under) in RATIOS.items()
            if over in times
        },
    }


def main():
    chosen = options(
        __doc__,
        pair=(str, None, f"one of {', '.join(PAIRS)}; all by default"),
        rounds=(int, 7, "rounds timed"),
        steps=(int, 10, "steps a round; with few, what `fit` costs to begin makes all ratios smaller"),
        batch=(int, 64, "images per step"),
    )
    pairs = {"resnet20_to_resnet8": (["resnet20"], "resnet8")} if chosen.quick else PAIRS
    if chosen.pair and not chosen.quick:
        pairs = {chosen.pair: PAIRS[chosen.pair]}
    import torch

    rows, measured = [], {}
    for name, (teachers, student) in pairs.items():
        one = measured[name] = measure(teachers, student, chosen.steps, chosen.batch, chosen.rounds)
        rows.append(name)
        rows += [
            f"  {what:<58} {ratio['wall']['median']:>6.2f}  (CPU {ratio['cpu']['median']:>5.2f})"
            for what, ratio in one["ratio"].items()
        ]
    rows.append(f"median of {chosen.rounds} rounds")
    name = "against_live" if not chosen.pair else f"against_live_{chosen.pair}"
    result = {
        "batch_size": chosen.batch,
        "steps_a_round": chosen.steps,
        "pytorch": {"version": torch.__version__, "threads": torch.get_num_threads()},
        "pairs": measured,
    }
    finish(name, result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
