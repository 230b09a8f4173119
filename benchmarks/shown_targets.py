"""What the targets of a finished study show their students, what that asks of them, and how far they follow it.

    keras-kd study three_levels_synthetic --out saved_models/three_levels_synthetic
    keras-kd study sim_temperature --out saved_models/sim_temperature
    python benchmarks/shown_targets.py [--quick] [--json] [--backend jax] [--studies saved_models/sim_temperature]

Of each cell with one `kd` term, on the training images as they are, means over images, over the study's seeds. entropy:
of the target, in nats; label: its probability of the label; not first: share of images on which another class has more
than the label. A student that follows the target exactly at the term's temperature T says at temperature 1 the target
to the power of T: label at 1, at 1: the label's probability and the entropy of that; odds: by how many nats its logits
are apart, the label's minus the mean of the others. gradient: length of the term's gradient by the logits over that of
the labels, both with their weights, where all logits are 0. follows: KL divergence of the trained student from the
target, at T. On test images, alike: share on which the trained student gives the class that the teacher's class vectors
hold to be most like the label; most said: share on which it gives the class that it gives most often.
"""

import json
import sys
from pathlib import Path

from measuring import finish, options


def shown(logits, labels, term, relations):
    """log of the target of each image: float64 (n, classes)."""
    import keras
    import numpy as np

    temperature = term["temperature"]
    given = term["target"].logits(keras.ops.convert_to_tensor(logits), labels, temperature, relations)
    return log_softmax(np.asarray(keras.ops.convert_to_numpy(given), "float64") / temperature)


def log_softmax(logits):
    from keras_kd.evaluation.metrics.probabilities import log_softmax

    return log_softmax(logits)


def of_target(target, labels, term, label_weight):
    """What a target, (n, classes) logarithms, shows, and what it asks."""
    import numpy as np

    temperature, rows = term["temperature"], np.arange(len(labels))
    rho, at_1 = np.exp(target), log_softmax(temperature * target)
    one_hot = np.eye(target.shape[1])[labels]
    others = (target.sum(1) - target[rows, labels]) / (target.shape[1] - 1)
    # With all logits 0 every class has one probability.
    uniform = 1 / target.shape[1]
    of_term = term["weight"] * temperature * np.linalg.norm(uniform - rho, axis=1)
    of_label = label_weight * np.linalg.norm(uniform - one_hot, axis=1)
    return {
        "entropy": float(-(rho * target).sum(1).mean()),
        "label": float(rho[rows, labels].mean()),
        "not_first": float((rho.argmax(1) != labels).mean()),
        "label_at_1": float(np.exp(at_1[rows, labels]).mean()),
        "entropy_at_1": float(-(np.exp(at_1) * at_1).sum(1).mean()),
        "odds": float((temperature * (target[rows, labels] - others)).mean()),
        "gradient": float((of_term / of_label).mean()),
    }


def of_student(on_train, on_test, target, test_labels, term, relations):
    """How far a trained student follows a target, and what it answers on test images."""
    import numpy as np

    followed, answers = log_softmax(on_train / term["temperature"]), on_test.argmax(1)
    # Of each class the one that is most like it, itself aside.
    alike = (relations - 9 * np.eye(len(relations))).argmax(1)
    return {
        "follows": float((np.exp(target) * (target - followed)).sum(1).mean()),
        "alike": float((answers == alike[test_labels]).mean()),
        "most_said": float(np.bincount(answers).max() / len(answers)),
    }


def one_run(folder, also=False):
    """The figures of a run of a study, or None where it has no such term; also those of targets that it has not."""
    from keras_kd.methods import METHODS
    from keras_kd.methods.parts.class_relations import class_relations
    from keras_kd.methods.parts.targets import Target
    from keras_kd.models.network import logits_of
    from keras_kd.recipe.folders import RunFolder
    from keras_kd.recipe.load import load
    from keras_kd.workflows.run.load_teacher import load_teacher
    from keras_kd.workflows.run.measure import load_student
    from keras_kd.workflows.run.open_run import load_data

    recipe = load(folder / "recipe.yaml")
    if [one.method for one in recipe.terms] != ["kd"]:
        return None
    dataset = load_data(recipe)
    train, test, teacher = dataset.train, dataset.test, load_teacher(recipe, dataset, folder)
    relations = class_relations(teacher.model, dataset.classes, "kd").astype("float32")
    said, weight = logits_of(teacher, train.images)[0], recipe.terms[0].weight
    if also:
        terms = {
            f"{name}, T {temperature}": {"temperature": temperature, "target": Target(kind), "weight": weight}
            for name, kind in (("KD", "identity"), ("KD-pt", "pt"))
            for temperature in (1, 4)
        }
        return {
            name: of_target(shown(said, train.labels, term, relations), train.labels, term, recipe.label_weight)
            for name, term in terms.items()
        }
    method = METHODS["kd"](**recipe.terms[0].settings)
    term = {"temperature": method.temperature, "target": method.target, "weight": weight}
    target = shown(said, train.labels, term, relations)
    student = load_student(recipe, dataset, RunFolder(folder))
    answered = (logits_of(student, split.images)[0] for split in (train, test))
    return {
        **of_target(target, train.labels, term, recipe.label_weight),
        **of_student(*answered, target, test.labels, term, relations),
    }


def one_study(folder, quick):
    """(name, cells with their figures, figures of targets as such) of the folder of a finished study."""
    import numpy as np

    file = folder / "study.json"
    if not file.exists():
        sys.exit(f"{file}: found no such file; expected a finished study; run keras-kd study first, or give --studies")
    told, cells, places = json.loads(file.read_text(encoding="utf-8")), [], []
    for cell in told["cells"]:
        runs = list(cell["runs"].items())[: 1 if quick else None]
        found = {seed: one_run(folder / place) for seed, place in runs}
        if None in found.values():
            continue
        places += [folder / place for _, place in runs]
        means = {name: float(np.mean([one[name] for one in found.values()])) for name in next(iter(found.values()))}
        cells.append({"cell": cell["cell"], "mean": means, "by_seed": found})
    return told["study"], cells, one_run(places[0], also=True)


def main():
    places = "saved_models/three_levels_synthetic,saved_models/sim_temperature"
    chosen = options(__doc__, studies=(str, places, "folders of finished studies, with commas between"))
    heads = ("entropy", "label", "not first", "label at 1", "at 1", "odds", "gradient", "follows", "alike", "most said")
    lines, studies = [" " * 46 + "".join(f"{head:>11}" for head in heads)], {}
    for place in chosen.studies.split(","):
        name, cells, targets = one_study(Path(place), chosen.quick)
        studies[name] = {"cells": cells, "targets": targets}
        rows = {", ".join(one["cell"].values()): one["mean"] for one in cells}
        rows |= {f"no student: {target}": values for target, values in targets.items()}
        lines += [name, *(f"{row:<46}" + "".join(f"{one:>11.3f}" for one in rows[row].values()) for row in rows)]
    result = {"note": " ".join(__doc__.split("\n\n")[-1].split()), "studies": studies}
    finish("shown_targets", result, "\n".join(lines), chosen)


if __name__ == "__main__":
    main()
