"""`--smoke`: a recipe made so small that it runs in under a minute."""

from keras_kd.methods import METHODS
from keras_kd.recipe.schema_types import SHORT
from keras_kd.recipe.teacher import shrunk


def shrink(raw):
    """Makes plain data small: one epoch on few images, small steps, as maps of a teacher that was hardly trained are
    large; the int8 gates open, as such a student has no margin."""
    small = {
        "data": {"train_images": 64, "test_images": 64},
        "fit": {
            "epochs": 1,
            "learning_rate": 0.001,
            "warmup_epochs": 0,
            "drops": [],
            "batch_size": 32,
            "checkpoints": [],
        },
        "export": {"calibration_images": 32},
    }  # fmt: skip
    for part, fields in small.items():
        if raw.get(part) is None:
            raw[part] = {}
        if isinstance(raw[part], str) and (part,) in SHORT:
            raw[part] = {SHORT[(part,)]: raw[part]}
        if isinstance(raw[part], dict):
            for field, value in fields.items():
                given = raw[part].get(field)
                smaller = isinstance(given, int | float) and isinstance(value, int | float) and given < value
                raw[part][field] = given if smaller else value
    if isinstance(raw["export"], dict):
        gates = raw["export"].setdefault("gates", {})
        if isinstance(gates, dict):
            gates.update(images=64, int8_accuracy_drop=1.0, int8_agreement=0.0)
    if isinstance(raw["data"], dict) and isinstance(raw["data"].get("validation"), int):
        raw["data"]["validation"] = min(raw["data"]["validation"], 16)
    meta = raw["meta"] if isinstance(raw.get("meta"), dict) else {}
    if isinstance(meta.get("held_out"), int) and meta["held_out"] >= 1:
        meta["held_out"] = min(meta["held_out"], 16)
    if raw.get("selection"):
        # One epoch is two steps: the second choice is rewarded.
        given = raw["selection"]
        chosen = dict(given) if isinstance(given, dict) else {"policy": given} if isinstance(given, str) else {}
        raw["selection"] = {**chosen, "interval": 1, "unit": "steps"}
    _shrink_cooperation(raw)
    if isinstance(raw["fit"], dict):
        raw["fit"].pop("checkpoint_every", None)
    if isinstance(raw.get("seeds"), list):
        raw["seeds"] = raw["seeds"][:1]
    if isinstance(raw.get("generations"), int):
        raw["generations"] = min(raw["generations"], 2)
    _begin_at_once(raw, meta)
    shrunk(raw)


def _shrink_cooperation(raw):
    """Makes what is done by networks that teach each other small."""
    if raw.get("cooperative") is True:
        raw["cooperative"] = {}
    given = raw.get("cooperative")
    if isinstance(given, dict):
        for field, value in {"rounds": 1, "epochs": 1, "steps": 5}.items():
            given[field] = min(given[field], value) if isinstance(given.get(field), int) else value
        if isinstance(given.get("held_out"), int) and given["held_out"] >= 1:
            given["held_out"] = min(given["held_out"], 16)


def _begin_at_once(raw, meta):
    """What would begin in a later epoch begins at once, so that it is seen to work."""
    terms = raw["terms"] if isinstance(raw.get("terms"), list) else ()
    for weighted in [raw, meta, *terms]:
        for name in ("label_weight", "weight", "trial_step_size", "teacher_learning_rate"):
            if isinstance(weighted, dict) and isinstance(weighted.get(name), dict):
                for delay in ("delay", "after"):  # its old name
                    weighted[name].pop(delay, None)
    for term in terms:
        name = term.get("method") if isinstance(term, dict) else None
        waits = METHODS[name].begins_after if isinstance(name, str) and name in METHODS else ""
        if waits and isinstance(raw["fit"], dict):
            # One epoch to wait, one that is taught by what it waited for.
            term[waits], raw["fit"]["epochs"] = 1, 2
