"""The same student without its teacher."""

from keras_kd.methods import METHODS
from keras_kd.recipe.schema import BankSpec, EvidenceSpec, TermSpec

# What the runs learned from.
LABELS, SMOOTHING = "labels alone", "label smoothing"


def baseline_of(recipe, label_smoothing=None):
    """The recipe of the same student on labels alone: same data, views, epochs, optimizer and seed.

    Args:
        recipe: a `Recipe`.
        label_smoothing: share of a label that is spread over the classes; None trains on the labels themselves.

    Returns:
        A `Recipe` without teacher, peers, trust, generations and exports.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> one = baseline_of(load("digits"))
        >>> one.teacher, one.terms, one.label_weight, one.fit == load("digits").fit
        (None, (), 1.0, True)
    """
    terms, label_weight = (), 1.0
    if label_smoothing is not None:
        method = METHODS["label_smoothing"](smoothing=label_smoothing)
        terms, label_weight = (TermSpec(method="label_smoothing", weight=1.0, settings=method.model_dump()),), 0.0
    return recipe.model_copy(
        update={
            "teacher": None,
            "student": recipe.student.model_copy(update={"start_from_teacher": None}),
            "terms": terms,
            "label_weight": label_weight,
            "peers": (),
            "trust": None,
            "bank": BankSpec(mode="live"),
            "generations": 1,
            "export": recipe.export.model_copy(update={"formats": ()}),
            "search": None,
            "baseline": None,
            "evidence": EvidenceSpec(),
            "seeds": (),
        }
    )
