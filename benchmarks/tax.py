"""What distilling costs compared with training the student alone: a banked and a live step over a plain student step.

    python benchmarks/tax.py [--pair resnet56_to_resnet20] [--quick] [--json] [--backend jax]

The three are timed in one process, in turn, on the same images with the same order, views and batches: the student on
its labels (`alone`), KD with the teacher looked up (`banked`; the bank is filled before the timing, what filling costs
is given as well), KD with the teacher in the step (`live`). Each ratio is the median over rounds.
"""

import tempfile
import time

from measuring import finish, interleaved, options, spread

# Teachers and student.
PAIRS = {
    "resnet56_to_resnet20": (["resnet56"], "resnet20"),
    "resnet32x4_to_resnet8x4": (["resnet32x4"], "resnet8x4"),
    "wrn_40_2_to_wrn_16_2": (["wrn_40_2"], "wrn_16_2"),
    "five_resnet56_to_resnet20": (["resnet56"] * 5, "resnet20"),
}


def measure(teachers, student, steps, batch, rounds):
    """Ratios and seconds of one pair."""
    import numpy as np

    from keras_kd import KD, SGD, Distiller
    from keras_kd.bank.bank import Bank
    from keras_kd.data.epochs import Epochs
    from keras_kd.data.views.crop_flip import VIEWS
    from keras_kd.data.views.rendering import ViewRenderer
    from keras_kd.models import build
    from keras_kd.models.wrappers.ensemble import ensemble

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (steps * batch, 32, 32, 3), dtype="uint8")
    labels = generator.integers(0, 100, steps * batch).astype("int32")
    like = {"image_shape": (32, 32, 3), "classes": 100, "mean": (0.5,) * 3, "std": (0.25,) * 3}
    members = [build(name, **like) for name in teachers]
    teacher = members[0] if len(members) == 1 else ensemble(members)
    views = VIEWS["crop_flip"]

    def epochs_of(kind):
        renderer = ViewRenderer(views, images)
        mean = (members, [True] * len(members), {}) if len(members) > 1 else None
        bank = Bank(folder, teacher, images, views, members=mean, renderer=renderer) if kind == "banked" else None
        distiller = Distiller(
            build(student, **like),
            None if kind == "alone" else teacher,
            [] if kind == "alone" else [KD(temperature=4.0)],
            label_weight=1.0 if kind == "alone" else 0.1,
            views=renderer,
            banked=kind == "banked",
        )
        distiller.compile(optimizer=SGD(0.05, momentum=0.9, l2=5e-4), metrics=["accuracy"])
        return distiller, Epochs(None, labels, views, batch, image_shape=(32, 32, 3), classes=100, bank=bank)

    with tempfile.TemporaryDirectory() as folder:
        made = {kind: epochs_of(kind) for kind in ("alone", "banked", "live")}
        begun = time.perf_counter()
        made["banked"][1].fill()
        filling = time.perf_counter() - begun

        # One epoch, again and again: the bank has its views.
        work = {kind: lambda one=one: one[0].fit(one[1], shuffle=False, verbose=0) for kind, one in made.items()}
        times = interleaved(work, rounds)
    ratios = {
        name: {kind: spread(times[name][kind] / times["alone"][kind]) for kind in ("wall", "cpu")}
        for name in ("banked", "live")
    }
    return {
        "ratio": ratios,
        "seconds_a_step": {
            name: {kind: spread(values / steps) for kind, values in one.items()} for name, one in times.items()
        },
        "filling_seconds_a_view": round(filling / (steps * batch), 6),
    }


def main():
    chosen = options(
        __doc__,
        pair=(str, None, f"one of {', '.join(PAIRS)}; all by default"),
        rounds=(int, 15, "rounds timed"),
        steps=(int, 6, "steps a round"),
        batch=(int, 64, "images per step"),
    )
    pairs = {"resnet20_to_resnet8": (["resnet20"], "resnet8")} if chosen.quick else PAIRS
    if chosen.pair and not chosen.quick:
        pairs = {chosen.pair: PAIRS[chosen.pair]}
    rows = [f"{'':<26} {'banked':>8} {'(CPU)':>8} {'live':>8} {'(CPU)':>8}"]
    measured = {}
    for name, (teachers, student) in pairs.items():
        one = measured[name] = measure(teachers, student, chosen.steps, chosen.batch, chosen.rounds)
        cells = [one["ratio"][way][kind]["median"] for way in ("banked", "live") for kind in ("wall", "cpu")]
        rows.append(f"{name:<26} " + " ".join(f"{cell:>8.3f}" for cell in cells))
    rows.append(f"a step of distilling over a step of the student alone, median of {chosen.rounds} rounds")
    name = "tax" if not chosen.pair else f"tax_{chosen.pair}"
    finish(
        name, {"batch_size": chosen.batch, "steps_a_round": chosen.steps, "pairs": measured}, "\n".join(rows), chosen
    )


if __name__ == "__main__":
    main()
