"""Networks of two features teach each other what they have not seen: two moons and two rings, a part missing for each.

    python benchmarks/cooperative.py [--quick] [--json] [--backend jax] [--seeds 3]

Two networks, of which each has seen half of the plane alone. All ways take as many steps, those of `counterfactual`:
alone: on its own examples. held-out examples as they are: what a network has wrong and the other right is added to its
own, unchanged (Cooperation(steps=0)): what that brings too is no merit of counterfactual examples. all held-out
examples: these are added from the beginning. Accuracy is on 2,000 other examples, the mean of both networks.
"""

import math

from measuring import finish, options

TRAINED, HELD_OUT, TESTED = 300, 200, 2000
FIRST, ROUNDS, EPOCHS, BATCH = 30, 3, 10, 32
ALONE, AS_THEY_ARE, ALL, COUNTERFACTUAL = (
    "alone",
    "held-out examples as they are",
    "all held-out examples",
    "counterfactual",
)


def network(seed):
    import keras

    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((2,)), dense(16, "relu"), dense(16, "relu"), dense(2)])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def members(draw, seed):
    """Two networks: one without the right half of the plane, one without the left."""
    from keras_kd import Member
    from keras_kd.data.plane import without

    x, y = draw(TRAINED, seed=seed)
    middle = float((x[:, 0].min() + x[:, 0].max()) / 2)
    hidden = {"left": x[:, 0] > middle, "right": x[:, 0] < middle}
    return [
        Member(name, network(10 * seed + number), *without(x, y, one))
        for number, (name, one) in enumerate(hidden.items())
    ]


def steps_of(found, given, settings):
    """How many steps a cooperation took of each network."""
    total = []
    for member in given:
        counts = [row["examples"] for row in found.rows if row["member"] == member.name]
        sizes = [len(member.y) + count for count in counts]
        epochs = [settings.first_epochs, *[settings.epochs] * settings.rounds]
        total.append(sum(math.ceil(size / BATCH) * one for size, one in zip(sizes, epochs, strict=True)))
    return total


def trained(given, added, steps, settings):
    """Trains each network on its own examples and those that are added, for as many steps at least."""
    from dataclasses import replace

    import numpy as np

    from keras_kd.training.cooperation_state import Place
    from keras_kd.training.plain_training import PlainTraining

    training = PlainTraining(given, settings)
    for number, member in enumerate(given):
        x, y = np.concatenate([member.x, added[0]]), np.concatenate([member.y, added[1]])
        epochs = math.ceil(steps[number] / math.ceil(len(x) / BATCH))
        training.settings = replace(settings, first_epochs=epochs)
        training.learn(number, x, y, Place(), lambda: None)


def one_seed(draw, seed, settings):
    """{way: {"accuracy": of each network, "examples": written for each}} of a seed."""
    from dataclasses import replace

    from keras_kd import cooperate

    held_out, (x, y) = draw(HELD_OUT, seed=1000 + seed), draw(TESTED, seed=2000 + seed)
    found = {}

    def note(way, given, examples):
        right = [float((one.said(x).argmax(1) == y).mean()) for one in given]
        found[way] = {"accuracy": right, "examples": examples}

    given = members(draw, seed)
    done = cooperate(given, held_out, settings)
    steps = steps_of(done, given, settings)
    note(COUNTERFACTUAL, given, [len(one) for one in done.examples])
    given = members(draw, seed)
    done = cooperate(given, held_out, replace(settings, steps=0))
    note(AS_THEY_ARE, given, [len(one) for one in done.examples])
    for way, added in ((ALONE, [one[:0] for one in held_out]), (ALL, held_out)):
        given = members(draw, seed)
        trained(given, added, steps, settings)
        note(way, given, [len(added[1])] * 2)
    return found


def main():
    chosen = options(__doc__, seeds=(int, 3, "how many"))
    import numpy as np

    from keras_kd import Cooperation
    from keras_kd.data.plane import moons, rings

    settings = Cooperation(first_epochs=FIRST, rounds=ROUNDS, epochs=EPOCHS, batch_size=BATCH)
    if chosen.quick:
        settings = Cooperation(first_epochs=2, rounds=1, epochs=1, batch_size=BATCH, steps=5)
    seeds, tasks, rows = range(1 if chosen.quick else chosen.seeds), {}, []
    for name, draw in (("moons", moons), ("rings", rings)):
        runs = [one_seed(draw, seed, settings) for seed in seeds]
        tasks[name] = {}
        for way in (ALONE, COUNTERFACTUAL, AS_THEY_ARE, ALL):
            means = [float(np.mean(run[way]["accuracy"])) for run in runs]
            others = [float(np.mean(run[AS_THEY_ARE]["accuracy"])) for run in runs]
            against = [mean - other for mean, other in zip(means, others, strict=True)]
            spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
            tasks[name][way] = {
                "mean": float(np.mean(means)),
                "std": spread,
                "minus_as_they_are": against,
                "runs": [run[way] for run in runs],
            }
            shown = "" if spread is None else f" ± {100 * spread:.2f}"
            rows.append(f"{name:<6} {way:<30} {100 * np.mean(means):>6.2f}{shown}")
    result = {
        "seeds": len(seeds),
        "note": "accuracy 0..1 on 2,000 examples, the mean of two networks; std over seeds",
        "settings": {**vars(settings), "trained": TRAINED, "held_out": HELD_OUT, "tested": TESTED},
        "tasks": tasks,
    }
    finish("cooperative", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
