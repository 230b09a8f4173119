"""What is measured of a trained student in addition to its accuracy: on every split, stage by stage, under stress."""

import numpy as np

from keras_kd.evaluation import attacks, invariance, metrics
from keras_kd.evaluation.members_attention import attention
from keras_kd.evaluation.perturbations.corruptions import CORRUPTIONS, corrupt
from keras_kd.models.network import logits_of, signals_of
from keras_kd.models.taps import layer_paths
from keras_kd.utils.hashing import hash_uint

# Decides which images stand for all: apart from what decides anything else.
SAMPLE = 31
SEVERITIES = (1, 2, 3, 4, 5)


def sample(count, wanted):
    """Positions of `wanted` of `count` images, ascending; the same for every network and run.

    Example:
        >>> sample(5, 3).tolist(), sample(2, 3).tolist()
        ([0, 1, 3], [0, 1])
    """
    return np.sort(np.argsort(hash_uint(SAMPLE, np.arange(count)), kind="stable")[:wanted])


def by_split(student, teacher, dataset, test_logits, train_images, share=1.0):
    """Accuracy and fidelity on training, validation and test images, none of them augmented.

    Args:
        student: a `Network`.
        teacher: a `Network`, or None.
        dataset: a `Dataset`.
        test_logits: (of the student, of the teacher or None) on the test images.
        train_images: how many training images stand for all.
        share: of the loss that is distillation, for the weights of examples.

    Returns:
        {"train", "validation", "test": {"images", "student_top1", "teacher_top1", "agreement", "agreement5", "kl"}},
        without a split that has no images, and without what needs a teacher where there is none. Of training images
        also "example_weights", see `weights_of_examples`; with planted noise "student_true_top1", on the true labels,
        and "student_fits_noise", of images with a wrong label the share on which the network gives that label, and the
        same of the teacher.

    Source:
        Stanton et al., arXiv:2106.05945, for fidelity on training images.
    """
    found = {}
    picked = sample(len(dataset.train), train_images)
    for name, split, index in (
        ("train", dataset.train, picked),
        ("validation", dataset.validation, None),
        ("test", dataset.test, None),
    ):
        if split is None or index is not None and not len(index):
            continue
        images, labels = (split.images, split.labels) if index is None else (split.images[index], split.labels[index])
        if name == "test":
            one, other = test_logits
        else:
            one, other = logits_of(student, images)[0], logits_of(teacher, images)[0] if teacher else None
        found[name] = {"images": len(labels), **_against(one, other, labels)}
        if name == "train" and other is not None:
            found[name]["example_weights"] = weights_of_examples(one, other, labels, share)
        if split.true_labels is not None:
            found[name].update(
                _of_noise(one, other, labels, split.true_labels if index is None else split.true_labels[index])
            )
    return found


def _against(student, teacher, labels):
    if teacher is None:
        return {"student_top1": metrics.accuracy(student, labels)}
    return {
        "student_top1": metrics.accuracy(student, labels),
        "teacher_top1": metrics.accuracy(teacher, labels),
        "agreement": metrics.agreement(student, teacher),
        "agreement5": metrics.agreement(student, teacher, k=5),
        "kl": metrics.predictive_kl(student, teacher),
    }


def _of_noise(student, teacher, labels, true):
    found, wrong = {}, labels != true
    for role, logits in (("student", student), ("teacher", teacher)):
        if logits is not None:
            found[f"{role}_true_top1"] = metrics.accuracy(logits, true)
            found[f"{role}_fits_noise"] = metrics.accuracy(logits[wrong], labels[wrong]) if wrong.any() else None
    return found


def weights_of_examples(student_logits, teacher_logits, labels, share):
    """How much each example weighs in the gradient because of the teacher, against how sure the teacher is of it.

    Args:
        student_logits, teacher_logits: (images, classes).
        labels: int (images,).
        share: of the loss that is distillation, 0..1.

    Returns:
        dict: "share"; "median" of the weights; "correlation", Spearman's, with the teacher's probability of the label
        (None where it is not defined); "by_confidence", see `keras_kd.evaluation.metrics.weights_by_confidence`.

    Source:
        Tang et al., arXiv:2002.03532; Spearman's correlation as the weights have no lower bound.
    """
    from scipy.stats import spearmanr

    weights = metrics.gradient_weights(student_logits, teacher_logits, labels, share)
    sure = metrics.label_probability(teacher_logits, labels)
    known = ~np.isnan(weights)
    varied = known.sum() > 1 and np.ptp(weights[known]) > 0 and np.ptp(sure[known]) > 0
    return {
        "share": share,
        "median": float(np.median(weights[known])) if known.any() else None,
        "correlation": float(spearmanr(weights[known], sure[known]).statistic) if varied else None,
        "by_confidence": metrics.weights_by_confidence(weights, sure),
    }


def control(student_logits, teacher_logits, independent, dataset):
    """Fidelity to a network that taught nothing here, next to that to the teacher, on the test images.

    Args:
        student_logits, teacher_logits: on the test images.
        independent: a `Network`.
        dataset: a `Dataset`.

    Returns:
        {"name", "top1", "agreement", "kl"} of the independent network with the student, "teachers_agreement" of the
        two teachers, and "beyond_control": the student's agreement with its teacher minus that with the other.

    Source:
        Stanton et al., arXiv:2106.05945.
    """
    logits, _ = logits_of(independent, dataset.test.images)
    agreement = metrics.agreement(student_logits, logits)
    return {
        "name": independent.name,
        "top1": metrics.accuracy(logits, dataset.test.labels),
        "agreement": agreement,
        "kl": metrics.predictive_kl(student_logits, logits),
        "teachers_agreement": metrics.agreement(logits, teacher_logits),
        "beyond_control": metrics.agreement(student_logits, teacher_logits) - agreement,
    }


def representation(student, teacher, images):
    """Linear CKA of the two networks at the layers that both have under one name: stages and pooled features.

    Args:
        student, teacher: `Network`s.
        images: uint8 (n, height, width, channels).

    Returns:
        {layer: float in 0..1}, or None where they have no such layer in common.

    Source:
        Kornblith et al., arXiv:1905.00414.
    """
    paths = [
        [
            path
            for path in layer_paths(network.model)
            if path == "pooled" or path.startswith("stage") and "_" not in path
        ]
        for network in (student, teacher)
    ]
    taps = [path for path in paths[0] if path in paths[1]]
    if not taps:
        return None
    one, other = signals_of(student, images, taps), signals_of(teacher, images, taps)
    return {tap: metrics.linear_cka(one[tap], other[tap]) for tap in taps}


def under_corruptions(networks, images, labels):
    """Accuracy of networks on corrupted images.

    Args:
        networks: {role: `Network`}.
        images: uint8 (n, height, width, channels).
        labels: int (n,).

    Returns:
        {role: {"clean": float, corruption: [float a severity], ..., "mean": float over all of them}}.
    """
    found = {role: {"clean": metrics.accuracy(logits_of(one, images)[0], labels)} for role, one in networks.items()}
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            corrupted = corrupt(images, name, severity)
            for role, network in networks.items():
                found[role].setdefault(name, []).append(metrics.accuracy(logits_of(network, corrupted)[0], labels))
    for one in found.values():
        one["mean"] = float(np.mean([value for name in CORRUPTIONS for value in one[name]]))
    return found


def properties(networks, dataset, spec, views=None):
    """What a student may have taken over from its teacher in addition to its answers, as far as a recipe asks for it.

    Args:
        networks: {role: `Network`}: the student first, and as there are, "teacher", "baseline", "independent".
        dataset: a `Dataset`.
        spec: the recipe's `EvidenceSpec`.
        views: the `Views` that the student was shown, for members of a teacher that saw views of their own.

    Returns:
        A dict with some of "corruptions", "attacks", "attention", "invariance"; "images", on which they are measured,
        and "networks", their roles; None where nothing is asked for.

    Source:
        Ojha et al., arXiv:2205.16004; Guo et al. 2025 for attention.
    """
    picked = sample(len(dataset.test), spec.images)
    images, labels = np.asarray(dataset.test.images[picked]), dataset.test.labels[picked]
    measured = {"images": len(picked), "networks": list(networks)}
    if spec.corruptions:
        measured["corruptions"] = under_corruptions(networks, images, labels)
    if spec.attacks:
        teacher = networks.get("teacher")
        measured["attacks"] = {
            role: attacks.robustness(network, teacher, images, labels, epsilon=spec.epsilon)
            for role, network in networks.items()
            if role != "teacher"
        }
    if spec.attention:
        measured["attention"] = attention(networks, images, views)
    if spec.invariance:
        measured["invariance"] = invariance.invariance(networks, images)
    return measured if len(measured) > 2 else None
