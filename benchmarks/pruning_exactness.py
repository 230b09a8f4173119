"""Pruned networks against the whole ones of which every weight that reads a removed channel is zero.

    python benchmarks/pruning_exactness.py                  # graphs of every kind, zoo, keras.applications, 200 drawn
    python benchmarks/pruning_exactness.py --only zoo       # the others are left in the results as they are
    python benchmarks/pruning_exactness.py --quick          # two of each
    python benchmarks/pruning_exactness.py --backend jax

Channels are chosen at random, twice; half of the multiply-accumulates are left, or what can be reached. The error is
the largest difference over the deviation of the outputs. Batch normalisation is measured on what the network is
shown, and biases are drawn, so that no output is dead: a network whose output does not depend on its example fails.
"""

import gc
import json
import sys
import tempfile
from pathlib import Path

import measuring
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "models"))

ZOO = {
    "resnet20": (32, 32, 3),
    "wrn_16_2": (32, 32, 3),
    "vgg8": (32, 32, 3),
    "mobilenetv2_half": (32, 32, 3),
    "shufflenet_v1": (32, 32, 3),
    "shufflenet_v2": (32, 32, 3),
    "preresnet20": (32, 32, 3),
    "digits_cnn": (8, 8, 1),
}
APPLICATIONS = {
    "MobileNet": 32, "MobileNetV2": 32, "MobileNetV3Small": 32, "MobileNetV3Large": 32, "EfficientNetB0": 32,
    "EfficientNetV2B0": 32, "ResNet50": 32, "ResNet50V2": 32, "DenseNet121": 32, "VGG16": 32, "VGG19": 32,
    "Xception": 71, "InceptionV3": 75, "NASNetMobile": 32, "ConvNeXtTiny": 32, "EfficientNetB1": 32,
}  # fmt: skip
DRAWN = 200


def main():
    texts = "one of graphs, zoo, applications, drawn", "one network of these"
    chosen = measuring.options(__doc__, only=(str, "", texts[0]), network=(str, "", texts[1]))
    import keras
    import pruning_graphs as graphs

    from keras_kd.models import build

    def application(name, size):
        kind = getattr(keras.applications, name)
        return kind(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)

    made = {
        "graphs": {name: make for name, make in graphs.GRAPHS.items() if name != "any_size"},
        "zoo": {name: lambda name=name: build(name, ZOO[name], 10) for name in ZOO},
        "applications": {
            name: lambda name=name, size=size: application(name, size) for name, size in APPLICATIONS.items()
        },
        "drawn": {f"drawn {seed}": lambda seed=seed: graphs.drawn(seed) for seed in range(DRAWN)},
    }
    asked = {
        (kind, name)
        for kind, networks in made.items()
        for name in networks
        if chosen.only in ("", kind) and chosen.network in ("", name)
    }
    before = [] if chosen.quick else _before(keras.backend.backend())
    rows = [row for row in before if (row["kind"], row["name"]) not in asked]
    for kind, networks in made.items():
        for number, (name, make) in enumerate(networks.items()):
            if chosen.quick and number == 2:
                break
            if (kind, name) not in asked:
                continue
            keras.backend.clear_session()
            keras.utils.set_random_seed(number)
            # Networks that scale inside take pixels.
            high = 255.0 if kind == "zoo" or name.startswith(("EfficientNet", "MobileNetV3", "ConvNeXt")) else 1.0
            rows.append({"kind": kind, "name": name, **measured(make(), high)})
            if kind != "drawn":
                print(line(rows[-1]), file=sys.stderr, flush=True)
            gc.collect()
    drawn = [row for row in rows if row["kind"] == "drawn"]
    table = "\n".join(line(row) for row in rows if row["kind"] != "drawn")
    if drawn:
        table += f"\n{len(drawn)} drawn networks: largest error {max(row['error'] for row in drawn):.1e}"
    measuring.finish("pruning_exactness", {"networks": rows}, table, chosen)


def _before(backend):
    """The networks that the results have already."""
    path = measuring.RESULTS / f"pruning_exactness_{backend}.json"
    return json.loads(path.read_text())["networks"] if path.exists() else []


def measured(model, high):
    """What is found of a network."""
    import keras
    import pruning_graphs as graphs

    from keras_kd.models.pruning.plan import prune
    from keras_kd.utils.errors import UserError

    graphs.enliven(model)
    graphs.settle_statistics(model, graphs.examples(model, 32, high=high))
    given = graphs.examples(model, high=high)
    assert graphs.is_alive(model, given), model.name
    errors = []
    for seed in range(2):
        for share in np.arange(0.5, 1, 0.05):
            try:
                plan = prune(model, macs=float(share), criterion="random", round_to=1, seed=seed)
                break
            except UserError:
                continue
        smaller = plan.model()
        errors.append(graphs.difference(plan, smaller, given))
    with tempfile.TemporaryDirectory() as folder:
        smaller.save(f"{folder}/smaller.keras")
        loaded = keras.models.load_model(f"{folder}/smaller.keras", compile=False)
    pairs = zip(graphs.outputs(smaller, given), graphs.outputs(loaded, given), strict=True)
    stays = sum(one.channels for one in plan.frozen)
    return {
        "macs": plan.macs,
        "parameters": plan.parameters,
        "channels": sum(row.before for row in plan.rows),
        "stay": stays,
        "why": sorted({one.why for one in plan.frozen if one.why != "an output of the network"})[:3],
        "error": max(errors),
        "change": graphs.change(model, smaller, given),
        "reloaded": max(float(abs(one - other).max()) for one, other in pairs),
    }


def line(row):
    """A network as a line of the table."""
    macs, parameters = (f"{before:,} -> {after:,}" for before, after in (row["macs"], row["parameters"]))
    free = f"{row['channels'] - row['stay']:,} of {row['channels']:,}"
    return f"{row['name']:<24} {macs:>28} {parameters:>26} {free:>18}  {row['error']:.1e}  {row['reloaded']:g}"


if __name__ == "__main__":
    main()
