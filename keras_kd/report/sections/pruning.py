"""What was removed of the teacher to make the student of it."""

from keras_kd.report.blocks import also_in_terminal, section, table, text
from keras_kd.report.fields import entries, parts
from keras_kd.utils.formatting import count, percent


def pruning(report):
    """How much is left in all, and the channels of each layer before and after."""
    found = parts(report, "pruning")
    rows = [
        [one.get("layer"), one.get("before"), one.get("after"), one.get("why")]
        for one in entries(found, "layers")
        if isinstance(one, dict)
    ]
    said = [_left(found, "macs", "multiply-accumulates"), _left(found, "parameters", "parameters")]
    kept = ", ".join(one for one in said if one)
    how = (
        f"The student is the teacher without the channels that are worth least by {found.get('criterion')}; batch "
        "normalisation was measured anew on training images before it was trained."
    )
    return section(
        "pruning",
        "What was removed of the teacher",
        also_in_terminal(text(f"Pruned from the teacher: {kept} are left." if kept else "")),
        text(how if kept else ""),
        table(["layer", "channels before", "after", "why some stay"], rows),
    )


def _left(found, name, words):
    numbers = entries(found, name)
    if len(numbers) != 2 or not all(isinstance(one, int | float) for one in numbers) or not numbers[0]:
        return ""
    return f"{count(numbers[1])} of {count(numbers[0])} {words} ({percent(numbers[1] / numbers[0], '.0f')})"
