"""Whether a teacher helped, in a sentence; or that this is not known."""

from keras_kd.evaluation.metrics.verdict import LABELS_ALONE
from keras_kd.report.fields import get_path, parts
from keras_kd.utils.formatting import percent

# Below it the images alone leave no doubt that of two students the one is better than the other.
NO_DOUBT = 0.001


def first_sentence(report):
    """Whether the teacher helped, and which student was delivered: a part of what is said first, see `in_brief`.

    Args:
        report: what `report.json` holds, as plain values.

    Returns:
        A str; empty where no teacher was asked and nothing was compared.

    Example:
        >>> first_sentence({"student": {"top1": 0.9}, "teacher": {"name": "resnet56"}})
        'Not known whether the teacher helped: no student on labels alone stands next to it (baseline: true).'
    """
    said = get_path(report, "verdict", "sentence") or ""
    if not parts(report, "verdict", "against") and report.get("teacher"):
        # A sentence of several seeds without anything next to them tells nothing of the teacher.
        said = "Not known whether the teacher helped: no student on labels alone stands next to it (baseline: true)."
    delivered = of_delivered(parts(report, "delivered"))
    return " ".join(one for one in (said, delivered) if one)


def harm(report):
    """The sentence of a verdict where the student on labels alone is better beyond doubt; else an empty one.

    Args:
        report: as of `first_sentence`.
    """
    against = parts(report, "verdict", "against", LABELS_ALONE)
    images = against.get("on_images") or {}
    worse = against.get("outcome") == "worse" or is_worse_on(images)
    return get_path(report, "verdict", "sentence") or "" if worse else ""


def is_worse_on(images):
    """Whether the first of two students is worse beyond doubt on images; of `paired_images`, or an empty dict.

    Example:
        >>> is_worse_on({"first_only": 1, "second_only": 30, "p": 1e-6}), is_worse_on({})
        (True, False)
    """
    return bool(images) and images["first_only"] < images["second_only"] and images["p"] < NO_DOUBT


def is_better_on(images):
    """Whether the first of two students is better beyond doubt on images; as `is_worse_on`.

    Example:
        >>> is_better_on({"first_only": 30, "second_only": 1, "p": 1e-6}), is_better_on({})
        (True, False)
    """
    return bool(images) and images["first_only"] > images["second_only"] and images["p"] < NO_DOUBT


def of_delivered(delivered):
    """Which of two students was delivered, in a sentence; empty where there was no choice.

    Args:
        delivered: what `report.json` holds of it.

    Example:
        >>> scores = {"judged_on": "test images", "distilled": 0.9, "labels_alone": 0.8}
        >>> of_delivered({"learned_from": "the teacher", **scores})
        'Delivered: the distilled student, 90.00 % against 80.00 % on labels alone on the test images.'
    """
    if not delivered:
        return ""
    alone = delivered.get("learned_from") == LABELS_ALONE
    which = "the student on labels alone" if alone else "the distilled student"
    scores = [percent(delivered.get(name)) for name in ("labels_alone", "distilled")]
    ours, theirs = scores if alone else scores[::-1]
    other = "distilled" if alone else "on labels alone"
    return f"Delivered: {which}, {ours} against {theirs} {other} on the {delivered.get('judged_on')}."
