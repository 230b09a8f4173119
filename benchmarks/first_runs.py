"""The first runs that share a bank, its filling counted: 1, 3 and 10 runs of different seeds, against live teachers.

    python benchmarks/first_runs.py [--quick] [--json] [--backend jax]

Ways: `alone` (the student on its labels), `live` (teacher in the step), `bank` (all 162 views of crop and flip, filled
an epoch ahead), `bank of 16 views`. The ways take turns run by run, in one process; figures are sums over the runs.
"""

import tempfile
import time

import numpy as np
from measuring import finish, options

COUNTS = (1, 3, 10)
WAYS = {"alone": None, "live": None, "bank": 162, "bank of 16 views": 16}
BATCH = 64


def learner(way, few, pair, images, labels, folder):
    """A function that trains for some epochs by a seed and returns how many views the teacher was asked about."""
    from keras_kd import KD, SGD, VIEWS, Bank, Distiller, Epochs, ViewRenderer
    from keras_kd.models import build

    like = {"image_shape": (32, 32, 3), "classes": 100, "mean": (0.5,) * 3, "std": (0.25,) * 3}
    views, renderer = VIEWS["crop_flip"], ViewRenderer(VIEWS["crop_flip"], images)
    teacher, student = build(pair[0], **like), build(pair[1], **like)
    bank = None
    if few is not None:
        bank = Bank(f"{folder}/{few}", teacher, images, views, few=few, renderer=renderer)
    distiller = Distiller(
        student,
        None if way == "alone" else teacher,
        [] if way == "alone" else [KD(temperature=4.0)],
        label_weight=1.0 if way == "alone" else 0.1,
        views=renderer,
        banked=bank is not None,
    )
    distiller.compile(optimizer=SGD(0.05, momentum=0.9, l2=5e-4), metrics=["accuracy"])

    def train(seed, epochs):
        before = bank.computed if bank else 0
        distiller.fit(Epochs(None, labels, views, BATCH, seed=seed, bank=bank), epochs=epochs, shuffle=False, verbose=0)
        return bank.computed - before if bank else 0

    return train


def main():
    chosen = options(
        __doc__,
        images=(int, 128, "training images"),
        epochs=(int, 40, "epochs a run"),
        runs=(int, 10, "runs, 10 at least"),
    )
    pair = ("resnet20", "resnet8")
    count, epochs, runs = (128, 2, 10) if chosen.quick else (chosen.images, chosen.epochs, max(10, chosen.runs))
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 32, 32, 3), dtype="uint8")
    labels = generator.integers(0, 100, count).astype("int32")
    with tempfile.TemporaryDirectory() as folder:
        work = {way: learner(way, few, pair, images, labels, folder) for way, few in WAYS.items()}
        for train in work.values():
            train(10**6, 1)  # compiles
        measured = {way: {"wall": [], "cpu": [], "asked": []} for way in work}
        for seed in range(runs):
            for way, train in work.items():
                wall, cpu = time.perf_counter(), time.process_time()
                asked = train(seed, epochs)
                measured[way]["cpu"].append(round(time.process_time() - cpu, 3))
                measured[way]["wall"].append(round(time.perf_counter() - wall, 3))
                measured[way]["asked"].append(count * epochs if way == "live" else asked)
    rows = [f"{'':<18} " + " ".join(f"{f'{runs} runs':>20}" for runs in COUNTS)]
    totals = {}
    for way, one in measured.items():
        totals[way] = {
            str(runs): {
                kind: round(sum(one[kind][:runs]) / sum(measured["alone"][kind][:runs]), 3) for kind in ("wall", "cpu")
            }
            for runs in COUNTS
        }
        cells = [totals[way][str(runs)] for runs in COUNTS]
        rows.append(f"{way:<18} " + " ".join(f"{cell['wall']:>8.2f} (CPU {cell['cpu']:>5.2f})" for cell in cells))
    rows.append(
        f"seconds over those of the student alone, filling counted; {pair[0]} to {pair[1]}, {count} images, "
        f"{epochs} epochs a run"
    )
    result = {
        "pair": f"{pair[0]}_to_{pair[1]}",
        "images": count,
        "epochs": epochs,
        "over_alone": totals,
        "runs": measured,
        "note": "one epoch of another seed was trained before the timing, so its views were there",
    }
    finish("first_runs", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
