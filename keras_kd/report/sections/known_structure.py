"""What networks have of what is known of drawn data: how hard each example is, and how alike classes are."""

from keras_kd.report.blocks import section, table, text
from keras_kd.report.fields import parts
from keras_kd.utils.formatting import number

KNOWN = {
    "difficulty": (
        "the label's true probability with",
        {
            "teacher": "the teacher's probability of it",
            "student": "the student's probability of it",
            "weights": "the weight of the example because of the teacher",
        },
    ),
    "relations": (
        "how alike classes truly are, over pairs of classes, with",
        {
            "teacher": "cosines of the teacher's class vectors",
            "student": "cosines of the student's class vectors",
            "teacher_said": "the teacher's mean probabilities of one class on images of the other",
            "student_said": "the student's mean probabilities of one class on images of the other",
        },
    ),
}


def known_structure(report):
    """The correlations with what is known, or None where nothing is."""
    view = parts(report, "statistical_view")
    hard, alike = parts(view, "difficulty"), parts(view, "relations")
    first, words = KNOWN["difficulty"]
    there = {name for one in hard for name in parts(hard, one)}
    of_examples = [
        [told, *(number(parts(hard, one).get(name)) for one in hard)] for name, told in words.items() if name in there
    ]
    second, words = KNOWN["relations"]
    of_classes = [[told, number(alike[name])] for name, told in words.items() if alike.get(name) is not None]
    if not of_examples and not of_classes:
        return None
    return section(
        "known_structure",
        "What have they of what is known of the data?",
        text("1: as it truly is; 0: nothing of it.", soft=True),
        table([f"rank correlation of {first}", *(f"{one} images" for one in hard)], of_examples),
        table([f"correlation of {second}", "value"], of_classes),
    )
