"""Targets that are measured: how near the exported file comes to the speed, or the size, that was asked for.

    python benchmarks/measured_targets.py               # goes on where it was stopped
    python benchmarks/measured_targets.py --quick       # one small network, one target

Networks with first weights: speed and size are of the shape. Each target is searched, and what was found is then
converted and timed anew, three times, in turns with the whole network: "found" is what the search saw, "again" the
median of these.
"""

import json
import os
import tempfile
import time

import measuring
import numpy as np

NETWORKS = {"wrn_16_2": 32, "MobileNetV2": 64, "EfficientNetB0": 64}
# (what is asked, how much: times faster, or a share of the bytes of the whole file, as which file).
TARGETS = (("speedup", 2.0, "litert_float32"), ("speedup", 2.0, "litert_int8"), ("bytes", 0.5, "litert_int8"))
QUICK = (("bytes", 0.5, "litert_float32"),)
AGAIN = 3
NEAR = 0.1


def built(name, size):
    import keras

    from keras_kd.models import build

    keras.utils.set_random_seed(0)
    if hasattr(keras.applications, name):
        kind = getattr(keras.applications, name)
        return kind(weights=None, input_shape=(size, size, 3), classes=100, classifier_activation=None)
    return build(name, (size, size, 3), 100)


def measured(name, size, target, wanted, format):
    """A row: what was asked, found, and found again."""
    from keras_kd.export.trial_files import TrialFiles
    from keras_kd.models.pruning.plan import Pruner
    from keras_kd.workflows.run.measured_plans import MeasuredPlans
    from keras_kd.workflows.run.measured_target import Asked, reach

    model, shape, begun = built(name, size), (size, size, 3), time.monotonic()
    pruner = Pruner(model)
    with tempfile.TemporaryDirectory() as cache, MeasuredPlans(format, model, shape, cache_dir=cache) as measure:
        if target == "bytes":
            whole = measure(pruner.plan("macs", 0.999))["bytes"][0]
            wanted = round(wanted * whole)
        found = reach(pruner, Asked(target, wanted), measure)
    seconds = time.monotonic() - begun
    with TrialFiles(format, shape) as files:
        again = [files.compared(model, found.plan.model()) for _ in range(AGAIN)]
    ratios = [_reached(target, one) for one in (found.measured, *again)]
    return {
        "network": name,
        "size": size,
        "target": target,
        "asked": wanted,
        "format": format,
        "share": found.share,
        "of": "parameters" if target == "bytes" else "macs",
        "found": ratios[0],
        "again": float(np.median(ratios[1:])),
        "milliseconds": found.measured["milliseconds"],
        "bytes": found.measured["bytes"],
        "seconds": round(seconds, 1),
    }


def _reached(target, found):
    slow, fast = found["milliseconds"]
    return found["bytes"][1] if target == "bytes" else round(slow / fast, 3)


def main():
    chosen = measuring.options(__doc__)
    kept = measuring.RESULTS.parent.parent / "saved_models" / "measured_targets.json"
    rows = json.loads(kept.read_text()) if kept.exists() and not chosen.quick else []
    networks, targets = (
        (NETWORKS, TARGETS) if not chosen.quick else ({"resnet8": 16}, (("bytes", 0.5, "litert_float32"),))
    )
    for name, size in networks.items():
        for target, wanted, format in targets:
            if any((one["network"], one["target"], one["format"]) == (name, target, format) for one in rows):
                continue
            rows.append(measured(name, size, target, wanted, format))
            print(json.dumps(rows[-1]), flush=True)
            if not chosen.quick:
                kept.parent.mkdir(exist_ok=True)
                kept.write_text(json.dumps(rows, indent=1))
    near = [abs(one["again"] / one["asked"] - 1) <= NEAR for one in rows]
    measuring.finish(
        "measured_targets", {"rows": rows, "within": NEAR, "all_within": all(near)}, table_of(rows), chosen
    )
    if not chosen.quick:
        os.unlink(kept)


def table_of(rows):
    lines = ["| network (input) | asked | as | left | found | again | search |", "|---|---|---|---|---|---|---|"]
    for one in rows:
        words = _kB if one["target"] == "bytes" else "{:.2f} times faster".format
        name, left = f"{one['network']} ({one['size']})", f"{one['share']:.0%} of {one['of']}"
        cells = [name, words(one["asked"]), one["format"], left, words(one["found"]), words(one["again"])]
        lines.append(f"| {' | '.join(cells)} | {one['seconds']:.0f} s |")
    return "\n".join(lines)


def _kB(value):
    return f"{value / 1e3:.0f} kB"


if __name__ == "__main__":
    main()
