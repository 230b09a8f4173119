"""What an exported file must hold to be kept: its answers compared with Keras."""

import numpy as np

from keras_kd.export.formats import CALIBRATED, convert
from keras_kd.export.runtimes import litert_logits, litert_tensors, onnx_logits, outside_builtins, saved_model_logits
from keras_kd.utils.errors import UserError

GATES = {
    "images": 1000,  # at most so many test images, evenly spaced over the test set
    "float32_max_difference": 1e-3,  # of a logit, times max(1, largest |logit| of Keras)
    "float32_agreement": 0.999,  # top class as Keras; unless 1 is asked for, one image may differ
    "float16_max_difference": 2e-2,  # as float32_max_difference, of litert_float16
    "float16_agreement": 0.99,
    "int8_accuracy_drop": 0.02,
    "int8_agreement": 0.90,  # the int8 gates are those of litert_dynamic, too
}


def checked_gates(gates):
    """Gates as they were given, once their names and values are right.

    Raises:
        UserError: a gate that there is not, or a value that it cannot have.
    """
    for name, value in gates.items():
        if name not in GATES:
            raise UserError(f"export.gates.{name}: no such gate; expected some of {', '.join(GATES)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"export.gates.{name}: found {value!r}; expected a number, such as {GATES[name]}")
        if name == "images" and (value < 1 or not isinstance(value, int)):
            raise UserError(f"export.gates.images: found {value!r}; expected a whole number from 1 up")
    return gates


def _softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def measure_file(name, file, logits, images, labels, job):
    """How a file answers, compared with Keras: the fields of a result that are measured.

    Args:
        name: the format.
        file: what was written.
        logits: what Keras gives, float32, (images, classes).
        images: uint8, (images, height, width, channels).
        labels: integers, (images,).
        job: {"outputs", "softmax"}.
    """
    fields = {"flex_ops": [], "images": len(images), "bytes": _bytes(file), "outputs": job["outputs"]}
    logits = _softmax(logits) if job["softmax"] else logits
    if name == "saved_model":
        found, about = saved_model_logits(file, images)
    elif name == "onnx":
        found, about = onnx_logits(file, images)
    else:
        fields["flex_ops"] = outside_builtins(file)
        if fields["flex_ops"]:
            return fields  # and the runtime would refuse it
        found, about = litert_logits(file, images)
    difference = np.abs(found - logits)
    accuracy, keras_accuracy = (float(np.mean(x.argmax(-1) == labels)) for x in (found, logits))
    fields |= about
    return fields | {
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "agreement": float(np.mean(found.argmax(-1) == logits.argmax(-1))),
        "accuracy": accuracy,
        "keras_accuracy": keras_accuracy,
        "accuracy_drop": keras_accuracy - accuracy,
    }


def _bytes(file):
    files = file.rglob("*") if file.is_dir() else [file]
    return sum(f.stat().st_size for f in files if f.is_file())


def worst_tensor(file, student, images, work, job):
    """The layer of an int8 file whose output is furthest from the float32 file's, in words; None if not to be told."""
    plain = work / "compared.tflite"
    try:
        convert("litert_float32", student, plain, images.shape[1:], None, job)
        exact, found = (litert_tensors(one, images) for one in (plain, file))
    except Exception:
        return None
    errors = {}
    for name in exact.keys() & found.keys():
        if exact[name].shape == found[name].shape:
            size = float(np.sqrt(np.mean(exact[name] ** 2)))
            if size > 0 and np.isfinite(size):
                errors[name] = float(np.sqrt(np.mean((found[name] - exact[name]) ** 2))) / size
    if not errors:
        return None
    worst = max(errors, key=errors.get)
    # Of an operation that is made of several layers LiteRT joins the names; the last of a path is the layer's.
    layer = worst.split(";")[0].removeprefix("StatefulPartitionedCall_1:0") or "the output"
    return f"{'/'.join(layer.split('/')[-2:])}: {100 * errors[worst]:.3g} % of its size"


def gate_failures(name, fields, largest_logit, gates):
    """The gates that a file does not pass, in words; a gate is added here and to `GATES`.

    Args:
        name: the format.
        fields: of `measure_file`.
        largest_logit: the largest |logit| that Keras gave.
        gates: all of `GATES`.
    """
    if fields["flex_ops"]:
        names = ", ".join(fields["flex_ops"])
        return [f"needs operators that LiteRT has not built in: {names}; replace the layers that use them"]
    if name in (*CALIBRATED, "litert_dynamic"):
        checks = [
            ("int8_accuracy_drop", fields["accuracy_drop"], "at most"),
            ("int8_agreement", fields["agreement"], "at least"),
        ]
    else:
        kind = "float16" if name == "litert_float16" else "float32"
        largest = 1.0 if fields["outputs"] == "probabilities" else max(1.0, largest_logit)
        checks = [
            (f"{kind}_max_difference", fields["max_difference"] / largest, "at most"),
            (f"{kind}_agreement", fields["agreement"], "at least"),
        ]
    failures = []
    for gate, measured, bound in checks:
        allowed = gates[gate]
        # Written so that not-a-number fails; 1e-9 because 0.95 - 0.93 is a little more than 0.02.
        passed = measured <= allowed + 1e-9 if bound == "at most" else measured >= allowed - 1e-9
        if gate == "float32_agreement" and allowed < 1 and round((1 - measured) * fields["images"]) <= 1:
            passed = True
        if not passed:
            failures.append(
                f"{gate} is {measured:.4g}, expected {bound} {allowed:.4g} (recipe field export.gates.{gate})"
            )
    return failures
