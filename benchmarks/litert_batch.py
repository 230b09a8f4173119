"""LiteRT files of one image at a time next to files of any number: operators, parts that XNNPACK takes, latency.

    python benchmarks/litert_batch.py [--quick] [--json] [--networks shufflenet_v2,resnet20]

Every network of the zoo, untrained, in float32. Both files of a network are run in turn in one process, one thread, in
an order drawn anew each round; times are medians over rounds, of one image, and the ratio is that of a round. The
table has CPU time, which other work on the machine changes less; the JSON has both.
"""

import collections
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import finish, interleaved, options, spread

# Operators that only find out how many images there are.
OF_SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")
SECONDS = 0.01  # of a workload: so many images one after another
QUICK = ("digits_tiny", "resnet8", "shufflenet_v2")


def written(network, folder):
    """{what: file} of a `keras_kd.models.network.Network`-like model that takes pixels."""
    from keras_kd.export.formats import litert
    from keras_kd.export.formats.format import Request

    shape, files = tuple(network.inputs[0].shape[1:]), {"any": folder / "any.tflite", "1": folder / "1.tflite"}
    for what, file in files.items():
        litert.write(network, file, Request(shape, litert_batch=None if what == "any" else 1))
    return files


def about(file):
    """The operators of a file, and in how many parts XNNPACK takes them."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.schema_py_generated import Model

    graph = Model.GetRootAs(Path(file).read_bytes(), 0).Subgraphs(0)
    interpreter = Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    names = collections.Counter(one["op_name"] for one in interpreter._get_ops_details())
    return {
        "operators": graph.OperatorsLength(),
        "of_shapes": sum(names[one] for one in OF_SHAPES),
        "delegated_parts": names["DELEGATE"],
        "bytes": os.path.getsize(file),
    }


def workload(file):
    """A function of nothing that runs some images, one at a time, and how many."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    image = np.random.default_rng(0).integers(0, 256, given["shape"]).astype("float32")

    def run(count=1):
        for _ in range(count):
            interpreter.set_tensor(given["index"], image)
            interpreter.invoke()

    run()
    begun = time.perf_counter()
    run()
    count = max(1, int(SECONDS / (time.perf_counter() - begun)))
    return lambda: run(count), count


def measured(name, rounds):
    from keras_kd.models import build

    shape = (8, 8, 1) if name.startswith("digits") else (32, 32, 3)
    channels = shape[-1]
    network = build(name, image_shape=shape, classes=10, mean=(0.5,) * channels, std=(0.25,) * channels)
    with tempfile.TemporaryDirectory() as folder:
        files = written(network, Path(folder))
        found = {what: about(file) for what, file in files.items()}
        works = {what: workload(file) for what, file in files.items()}
        times = interleaved({what: run for what, (run, _) in works.items()}, rounds)
    for what, (_, count) in works.items():
        found[what]["milliseconds"] = {kind: spread(1000 * times[what][kind] / count) for kind in ("wall", "cpu")}
    each = {kind: {what: times[what][kind] / works[what][1] for what in works} for kind in ("wall", "cpu")}
    return {**found, "1_over_any": {kind: spread(one["1"] / one["any"]) for kind, one in each.items()}}


def table_of(networks):
    lines = [
        "| network | operators | of shapes | parts for XNNPACK | CPU ms an image, any number | one at a time | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in networks.items():
        free, fixed = one["any"], one["1"]
        counts = [f"{free[key]} -> {fixed[key]}" for key in ("operators", "of_shapes", "delegated_parts")]
        ratio = one["1_over_any"]["cpu"]
        shown = [f"{part['milliseconds']['cpu']['median']:.3f}" for part in (free, fixed)]
        shown.append(f"{ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})")
        lines.append(f"| {name} | {' | '.join([*counts, *shown])} |")
    return "\n".join(lines)


def main():
    chosen = options(__doc__, rounds=(int, 41, "rounds timed"), networks=(str, "", "some of the zoo, by comma"))
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from keras_kd import MODELS
    from keras_kd.export.latency import cpu

    names = tuple(chosen.networks.split(",")) if chosen.networks else QUICK if chosen.quick else tuple(MODELS)
    begun, load = time.time(), os.getloadavg()[0]
    networks = {}
    for name in names:
        networks[name] = measured(name, 5 if chosen.quick else chosen.rounds)
        print(table_of({name: networks[name]}).splitlines()[-1], flush=True)
    result = {
        "networks": networks,
        "rounds": 5 if chosen.quick else chosen.rounds,
        "threads": 1,
        "seconds": round(time.time() - begun, 1),
        "machine": cpu(),
        "load": {"cores": os.cpu_count(), "before": round(load, 2), "after": round(os.getloadavg()[0], 2)},
    }
    finish("litert_batch", result, table_of(networks), chosen, by_backend=False)


if __name__ == "__main__":
    main()
