"""What was removed of the teacher to make the student of it."""

from keras_kd.report.blocks import also_in_terminal, section, table, text
from keras_kd.report.fields import entries, parts
from keras_kd.utils.formatting import count, milliseconds, percent, size


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
    measured = _measured(parts(found, "measured"))
    how = (
        f"The student is the teacher without the channels that are worth least by {found.get('criterion')}; batch "
        "normalisation was measured anew on training images before it was trained."
    )
    return section(
        "pruning",
        "What was removed of the teacher",
        also_in_terminal(text(f"Pruned from the teacher: {kept} are left." if kept else "")),
        also_in_terminal(text(measured)),
        text(how if kept else ""),
        table(["layer", "channels before", "after", "why some stay"], rows),
    )


def _measured(found):
    """What its untrained file was measured to be next to the teacher's."""
    sizes, times = entries(found, "bytes"), entries(found, "milliseconds")
    if len(sizes) != 2 or len(times) != 2:
        return ""
    was = f"Before it was trained, as {found.get('format')} and in turns with the teacher's file"
    fast, slow, small, large = *map(milliseconds, times[::-1]), *map(size, sizes[::-1])
    return f"{was}: {fast} an image against {slow}, {small} against {large}."


def _left(found, name, words):
    numbers = entries(found, name)
    if len(numbers) != 2 or not all(isinstance(one, int | float) for one in numbers) or not numbers[0]:
        return ""
    return f"{count(numbers[1])} of {count(numbers[0])} {words} ({percent(numbers[1] / numbers[0], '.0f')})"
