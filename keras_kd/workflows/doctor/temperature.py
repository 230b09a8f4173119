"""What a student can learn from the teacher in addition to the label: how soft its answers are where they are read."""

import math

import numpy as np

from keras_kd.evaluation.metrics.probabilities import label_probability, log_softmax
from keras_kd.methods.ctkd import CTKD
from keras_kd.methods.find import find
from keras_kd.training.schedules import at
from keras_kd.workflows.doctor.findings import CLASS_ORDER, TEMPERATURE, TRAINING_ACCURACY, finding, percent
from keras_kd.workflows.doctor.teacher import cause_of_failure

UNIFORM, ONE_HOT = 0.98, 0.02
# Of the largest entropy: where a target says both which class and which others are near.
AIM = 0.5
# A temperature so many times the one of the aim is a mistake, not a choice.
FAR = 8.0
RIGHT, SURE, DARK = 0.999, 0.99, 0.1


def normalised_entropy(logits, temperature):
    """The mean entropy of softmax(logits / T), as a share of that of the uniform distribution.

    Args:
        logits: float (n, classes).
        temperature: above 0.

    Returns:
        A float in 0..1.

    Example:
        >>> normalised_entropy(np.zeros((1, 4)), 1.0), round(normalised_entropy(np.array([[9.0, 0.0]]), 1.0), 3)
        (1.0, 0.002)
    """
    log_probability = log_softmax(np.asarray(logits, "float64") / temperature)
    return float(-(np.exp(log_probability) * log_probability).sum(1).mean() / math.log(logits.shape[1]))


def temperature_for(logits, entropy=AIM):
    """The temperature at which the normalised entropy is this, by Brent's method; it rises with the temperature.

    Args:
        logits: as of `normalised_entropy`.
        entropy: 0..1.

    Returns:
        A float with two significant digits, 0.01 to 1000.

    Example:
        >>> temperature_for(np.array([[4.0, 0.0]]))
        1.9
    """
    from scipy.optimize import brentq

    def missing(log_temperature):
        return normalised_entropy(logits, math.exp(log_temperature)) - entropy

    low, high = math.log(0.01), math.log(1000.0)
    if missing(high) < 0:
        found = high
    elif missing(low) < 0:
        found = brentq(missing, low, high, xtol=1e-10)
    else:
        found = low
    return float(f"{math.exp(found):.2g}")


def temperatures(recipe):
    """Where the teacher's logits are divided by a temperature.

    Args:
        recipe: a `Recipe`.

    Returns:
        [{"term": number, "method": name, "standardize": bool, "temperatures": [first epoch's, last epoch's]}]; CTKD's
        is the one that it begins with.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> temperatures(load("digits"))
        [{'term': 0, 'method': 'kd', 'standardize': False, 'temperatures': [4.0]}]
    """
    found = []
    for number, term in enumerate(recipe.terms):
        kind = find(term.method)
        method = kind(**term.settings)
        if "teacher" not in kind.roles or not term.weight:
            continue
        if isinstance(method, CTKD):
            values = [method.temperature_start + method.temperature_range / (1 + math.exp(-1.0))]
        elif "temperature" in kind.model_fields and not method.taps("teacher"):
            given = term.schedules.get("temperature", method.temperature)
            values = [float(at(given, epoch)) for epoch in (0, recipe.fit.epochs - 1)]
        else:
            continue
        standardize = bool(getattr(method, "standardize", False))
        found.append(
            {
                "term": number,
                "method": term.method,
                "standardize": standardize,
                "temperatures": list(dict.fromkeys(values)),
            }
        )
    return found


def shown_logits(logits, standardize):
    """The teacher's logits as a term with `standardize` reads them, see `keras_kd.methods.parts.standardization`."""
    if not standardize:
        return logits
    centred = logits - logits.mean(1, keepdims=True)
    return centred / (logits.std(1, ddof=1, keepdims=True) + 1e-7)


def fixed_first(case):
    """The check that must be fixed before the teacher's softness means anything, or None."""
    causes = [cause_of_failure(case, member) for member in case.members]
    return next((cause for cause in causes if cause not in (None, CLASS_ORDER)), None)


def check_temperature(case):
    """Whether the temperature leaves something to learn: neither uniform nor one-hot.

    Args:
        case: a `Case`.
    """
    used = temperatures(case.recipe)
    if case.teacher is None or not case.comparable:
        return None
    if not used:
        return finding(TEMPERATURE, "good", "no term divides the teacher's logits by a temperature")
    first = fixed_first(case)
    if first is not None:
        return finding(
            TEMPERATURE,
            "unknown",
            "the teacher's answers are not what they will be",
            why=f"How soft they are is known once {first!r} is fixed.",
            fix=f"fix {first!r} first",
        )
    logits = np.nan_to_num(case.logits_of_views)
    outcomes, texts, fixes, rows = [], [], [], []
    for one in used:
        read = shown_logits(logits, one["standardize"])
        better = temperature_for(read)
        for temperature in one["temperatures"]:
            entropy = normalised_entropy(read, temperature)
            rows.append({**one, "temperature": temperature, "entropy": entropy, "suggested": better})
            standardised = " of standardised logits" if one["standardize"] else ""
            texts.append(
                f"{one['method']} at temperature {temperature:g}{standardised}: entropy {entropy:.3f} of the largest"
            )
            field = _field(one)
            if entropy > UNIFORM:
                outcomes.append("bad" if temperature > FAR * better else "warning")
                fixes.append(f"lower the temperature: `{field}: {better:g}` gives {AIM:g}")
            elif entropy < ONE_HOT:
                outcomes.append("warning")
                fixes.append(f"raise the temperature: `{field}: {better:g}` gives {AIM:g}")
    outcome = "bad" if "bad" in outcomes else outcomes[0] if outcomes else "good"
    why = ""
    if any(row["entropy"] > UNIFORM for row in rows):
        why = "The target is nearly uniform: it says hardly more of one image than of any other."
    elif outcomes:
        why = "The target is nearly one-hot: it says what the label says already."
    return finding(
        TEMPERATURE,
        outcome,
        "; ".join(texts),
        why=why,
        fix="; ".join(dict.fromkeys(fixes)),
        evidence={"terms": rows, "images": len(logits)},
    )


def _field(one):
    name = "temperature_start" if one["method"] == "ctkd" else "temperature"
    return f"terms.{one['term']}.{name}"


def reads_logits(recipe):
    """Whether a term of a recipe learns from the teacher's logits."""
    for term in recipe.terms:
        kind = find(term.method)
        if term.weight and "teacher" in kind.roles and not kind(**term.settings).taps("teacher"):
            return True
    return False


def check_training_accuracy(case):
    """Whether the teacher has anything to say of its training images in addition to their labels.

    Args:
        case: a `Case`.

    Source:
        Cho and Hariharan, On the Efficacy of Knowledge Distillation, arXiv:1910.01348, for teachers that were stopped
        early.
    """
    if case.teacher is None or not case.comparable:
        return None
    shown = case.training
    logits = case.logits(shown)
    accuracy = float((np.nan_to_num(logits, nan=-np.inf).argmax(1) == shown.labels).mean())
    sure = float(np.nan_to_num(label_probability(logits, shown.labels)).mean())
    seen = np.nan_to_num(case.logits_of_views)
    entropies = [
        normalised_entropy(shown_logits(seen, one["standardize"]), temperature)
        for one in temperatures(case.recipe)
        for temperature in one["temperatures"]
    ]
    softest = max(entropies, default=None)
    evidence = {
        "accuracy": accuracy,
        "label_probability": sure,
        "entropy_at_temperature": softest,
        "images": len(shown),
        "memorised": accuracy >= RIGHT and sure > SURE,
    }
    told = f"{percent(accuracy)} of {len(shown):,} training images; mean probability of the label {sure:.4f}"
    if not evidence["memorised"] or not reads_logits(case.recipe):
        return finding(TRAINING_ACCURACY, "good", told, evidence=evidence)
    if softest is not None and softest >= DARK:
        # What a softmax at temperature 1 hides, the temperature brings out again.
        text = f"{told}; at the term's temperature its entropy is still {softest:.3f} of the largest"
        return finding(TRAINING_ACCURACY, "good", text, evidence=evidence)
    return finding(
        TRAINING_ACCURACY,
        "warning",
        told,
        why="It has memorised the training images, so that it says of them little more than their labels do.",
        fix="take an earlier checkpoint of it (`teacher.epoch`, which fit.checkpoints of its recipe must keep), a "
        "higher temperature, or show images that it has not seen: `data.views: crop_flip`, mixup or cutmix",
        evidence=evidence,
    )
