"""The gates: how far an exported file may be from Keras before it is kept out of the run."""

from keras_kd.export.formats import TABLE
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
    """Gates of a recipe, as they are given.

    Raises:
        UserError: there is no such gate, or its value is none.

    Example:
        >>> checked_gates({"int8_agreement": 0.95})
        {'int8_agreement': 0.95}
    """
    for name, value in gates.items():
        if name not in GATES:
            raise UserError(f"export.gates.{name}: no such gate; expected some of {', '.join(GATES)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"export.gates.{name}: found {value!r}; expected a number, such as {GATES[name]}")
        if name == "images" and (value < 1 or not isinstance(value, int)):
            raise UserError(f"export.gates.images: found {value!r}; expected a whole number from 1 up")
    return gates


def failures(name, fields, largest_logit, gates):
    """Why a file is kept out, as texts; empty for one that passes.

    Args:
        name: the format's.
        fields: what was measured on the file, see `keras_kd.export.export.export`.
        largest_logit: the largest |logit| of Keras.
        gates: as `GATES`.

    Example:
        >>> failures("litert_int8", {"flex_ops": [], "accuracy_drop": 0.5, "agreement": 1.0}, 1.0, GATES)
        ['int8_accuracy_drop is 0.5, expected at most 0.02 (recipe field export.gates.int8_accuracy_drop)']
    """
    if fields["flex_ops"]:
        names = ", ".join(fields["flex_ops"])
        return [f"needs operators that LiteRT has not built in: {names}; replace the layers that use them"]
    kind = TABLE[name].gates
    if kind == "int8":
        first = ("int8_accuracy_drop", fields["accuracy_drop"], "at most")
    else:
        largest = 1.0 if fields["outputs"] == "probabilities" else max(1.0, largest_logit)
        first = (f"{kind}_max_difference", fields["max_difference"] / largest, "at most")
    found = []
    for gate, measured, bound in (first, (f"{kind}_agreement", fields["agreement"], "at least")):
        allowed = gates[gate]
        # Written so that not-a-number fails; 1e-9 because 0.95 - 0.93 is a little more than 0.02.
        passed = measured <= allowed + 1e-9 if bound == "at most" else measured >= allowed - 1e-9
        if gate == "float32_agreement" and allowed < 1 and round((1 - measured) * fields["images"]) <= 1:
            passed = True
        if not passed:
            found.append(f"{gate} is {measured:.4g}, expected {bound} {allowed:.4g} (recipe field export.gates.{gate})")
    return found
