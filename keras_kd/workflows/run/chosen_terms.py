"""Which terms the policy of a recipe with `selection` chose, as the history of its run tells."""

from keras_kd.report.report import Selection

CHOSEN, PROBABILITY, REWARD = "_chosen", "_probability", "selection_reward"
# Rows of the table of a long training.
PARTS = 10


def measured(recipe, rows):
    """What was chosen, or None where nothing was to be chosen or the history does not tell.

    Args:
        recipe: a `Recipe`.
        rows: its history, dicts of text or numbers, one an epoch.

    Returns:
        A `Selection` of the report, or None.
    """
    if recipe.selection is None or not rows:
        return None
    names = [name.removesuffix(CHOSEN) for name in rows[0] if name.endswith(CHOSEN)]
    if not names:
        return None
    rewards = [_number(row.get(REWARD)) for row in rows]
    return Selection(
        policy=recipe.selection.policy,
        interval=recipe.selection.interval,
        unit=recipe.selection.unit,
        metric=recipe.selection.metric,
        chosen={name: _mean([_number(row.get(name + CHOSEN)) for row in rows]) for name in names},
        probability={name: _number(rows[-1].get(name + PROBABILITY)) for name in names},
        epochs_rewarded=sum(one is not None for one in rewards),
        parts=[_part(rows[start:end], start, names) for start, end in _cut(len(rows))],
    )


def _part(rows, start, names):
    return {
        "from": start + 1,
        "to": start + len(rows),
        "chosen": {name: _mean([_number(row.get(name + CHOSEN)) for row in rows]) for name in names},
        "reward": _mean([_number(row.get(REWARD)) for row in rows]),
    }


def _cut(count):
    """(start, end) of parts of about as many epochs each, `PARTS` at most."""
    parts = min(count, PARTS)
    ends = [count * number // parts for number in range(parts + 1)]
    return list(zip(ends[:-1], ends[1:], strict=True))


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _mean(values):
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if known else None
