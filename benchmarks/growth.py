"""How step, look-up and disk grow: with the number of images, of classes, and by the bank's format.

    python benchmarks/growth.py [--quick] [--json] [--backend jax]

A small student (resnet8) learns from a bank whose rows are random numbers, so that no teacher's time is in it. A step
should cost the same whatever the number of images; what an epoch costs before its first step (its order, its views, its
rows read from the disk) is told apart, and so is the memory that each size adds: images, rows of the epoch, network.
"""

import os
import tempfile
import time

import numpy as np
from measuring import finish, interleaved, options, spread

SIZES = {"images": (1_000, 10_000, 50_000), "classes": (10, 100, 1000)}
QUICK = {"images": (200, 400), "classes": (10, 20)}
BATCH = 64


def filled_bank(folder, images, classes, views, renderer, epochs, format="float16"):
    """A bank with random rows for the views of some epochs of seed 0."""
    import keras

    from keras_kd.bank.bank import Bank

    layers = [keras.Input(images.shape[1:]), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes)]
    bank = Bank(folder, keras.Sequential(layers), images, views, renderer=renderer, format=format)
    generator = np.random.default_rng(0)
    index = np.arange(len(images))
    for epoch in range(epochs):
        places = bank.missing(index, bank.number(0, epoch, index))
        bank.tables["logits"].write(places, generator.normal(size=(len(places), classes)))
    return bank


def made(count, classes, steps, folder):
    """(function that runs some steps, bytes of the bank, seconds to lay out an epoch) for a number of images."""
    from keras_kd import KD, SGD, Distiller
    from keras_kd.data.epochs import Epochs
    from keras_kd.data.views.crop_flip import VIEWS
    from keras_kd.data.views.rendering import ViewRenderer
    from keras_kd.models import build

    generator, views = np.random.default_rng(0), VIEWS["crop_flip"]
    images = generator.integers(0, 256, (count, 32, 32, 3), dtype="uint8")
    renderer = ViewRenderer(views, images)
    bank = filled_bank(folder, images, classes, views, renderer, epochs=1)
    student = build("resnet8", (32, 32, 3), classes, mean=(0.5,) * 3, std=(0.25,) * 3)
    teacher = bank._tapped.network
    distiller = Distiller(student, teacher, [KD(temperature=4.0)], label_weight=0.1, views=renderer, banked=True)
    distiller.compile(optimizer=SGD(0.05, momentum=0.9, l2=5e-4))
    labels = generator.integers(0, classes, count).astype("int32")

    class Few(Epochs):
        def __len__(self):
            return steps

    epochs = Few(None, labels, views, BATCH, image_shape=(32, 32, 3), classes=classes, bank=bank)
    begun = time.perf_counter()
    epochs.plan(0)
    epochs.fill()
    layout = time.perf_counter() - begun
    return lambda: distiller.fit(epochs, shuffle=False, verbose=0), bank, layout


def resident_bytes():
    """The memory that the process holds (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    chosen = options(__doc__, rounds=(int, 9, "rounds timed"), steps=(int, 15, "steps a round"))
    sizes = QUICK if chosen.quick else SIZES
    rows, result = [], {}
    for what, values in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            work, about = {}, {}
            for value in values:
                count, classes = (value, 100) if what == "images" else (2_000, value)
                before = resident_bytes()
                work[value], bank, layout = made(count, classes, chosen.steps, f"{folder}/{value}")
                work[value]()
                about[value] = {
                    "seconds_before_the_first_step": round(layout, 5),
                    "bytes_a_view": bank.view_bytes,
                    "bytes_on_disk": sum(table.bytes_on_disk() for table in bank.all_tables()),
                    "resident_bytes_added": resident_bytes() - before,
                }
            times = interleaved(work, chosen.rounds)
        first = times[values[0]]
        for value in values:
            ratio = {kind: spread(times[value][kind] / first[kind]) for kind in ("wall", "cpu")}
            seconds = {kind: spread(one / chosen.steps) for kind, one in times[value].items()}
            about[value].update({"step_over_the_first": ratio, "seconds_a_step": seconds})
            rows.append(
                f"{value:>7,} {what:<8} step {1e3 * seconds['wall']['median']:>7.1f} ms, {ratio['wall']['median']:.3f} "
                f"of the first (CPU {ratio['cpu']['median']:.3f}); epoch laid out in "
                f"{1e3 * about[value]['seconds_before_the_first_step']:.1f} ms; "
                f"{about[value]['resident_bytes_added'] / 1e6:.0f} MB more in memory"
            )
        result[what] = {str(value): one for value, one in about.items()}
    result["formats"] = formats(rows, 400 if chosen.quick else 20_000)
    finish("growth", {"batch_size": BATCH, **result}, "\n".join(rows), chosen)


def formats(rows, count):
    """Look-ups, writes and bytes by format, 100 classes, of places drawn at random."""
    from keras_kd.bank.formats import FORMATS, Format
    from keras_kd.bank.table import Table

    found, generator = {}, np.random.default_rng(0)
    values = generator.normal(size=(count, 100)).astype("float32")
    places = generator.permutation(count * 162)[:count]
    for name in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            table = Table(f"{folder}/table", count * 162, (100,), Format(name, 100), of={})
            begun = time.perf_counter()
            table.write(places, values)
            written = time.perf_counter() - begun
            seconds = []
            for _ in range(5):
                begun = time.perf_counter()
                table.read(generator.permutation(places))
                seconds.append(time.perf_counter() - begun)
            found[name] = {
                "bytes_a_view": table.format.row_bytes + 4,
                "reads_a_second": round(count / float(np.median(seconds))),
                "writes_a_second": round(count / written),
            }
        one = found[name]
        rows.append(
            f"{name:<8} {one['bytes_a_view']:>4} bytes a view, {one['reads_a_second']:>9,} reads and "
            f"{one['writes_a_second']:>9,} writes a second"
        )
    return found


if __name__ == "__main__":
    main()
