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


def figures(student, target, labels, term, label_weight):
    """The figures of one run; `target` and `student`, its logits, are (n, classes)."""
    import numpy as np

    temperature, rows = term["temperature"], np.arange(len(labels))
    rho, at_1 = np.exp(target), log_softmax(temperature * target)
    one_hot = np.eye(target.shape[1])[labels]
    others = (target.sum(1) - target[rows, labels]) / (target.shape[1] - 1)
    # With all logits 0 every class has one probability.
    uniform = 1 / target.shape[1]
    of_term = term["weight"] * temperature * np.linalg.norm(uniform - rho, axis=1)
    of_label = label_weight * np.linalg.norm(uniform - one_hot, axis=1)
    said = log_softmax(student / temperature)
    return {
        "entropy": float(-(rho * target).sum(1).mean()),
        "label": float(rho[rows, labels].mean()),
        "not_first": float((rho.argmax(1) != labels).mean()),
        "label_at_1": float(np.exp(at_1[rows, labels]).mean()),
        "entropy_at_1": float(-(np.exp(at_1) * at_1).sum(1).mean()),
        "odds": float((temperature * (target[rows, labels] - others)).mean()),
        "gradient": float((of_term / of_label).mean()),
        "follows": float((rho * (target - said)).sum(1).mean()),
    }


def one_run(folder):
    """The figures of a run of a study, or None where it has no such term."""
    from keras_kd.methods import METHODS
    from keras_kd.methods.parts.class_relations import class_relations
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
    teacher = load_teacher(recipe, dataset, folder)
    method = METHODS["kd"](**recipe.terms[0].settings)
    term = {"temperature": method.temperature, "target": method.target, "weight": recipe.terms[0].weight}
    images, labels = dataset.train.images, dataset.train.labels
    relations = class_relations(teacher.model, dataset.classes, "kd").astype("float32")
    network = load_student(recipe, dataset, RunFolder(folder))
    target = shown(logits_of(teacher, images)[0], labels, term, relations)
    found = figures(logits_of(network, images)[0], target, labels, term, recipe.label_weight)
    return {**found, **answers(logits_of(network, dataset.test.images)[0], dataset.test.labels, relations)}


def answers(student, labels, relations):
    """What a trained student answers on test images."""
    import numpy as np

    said = student.argmax(1)
    # Of each class the one that is most like it, itself aside.
    alike = (relations - 9 * np.eye(len(relations))).argmax(1)
    return {
        "alike": float((said == alike[labels]).mean()),
        "most_said": float(np.bincount(said).max() / len(said)),
    }


def one_study(folder, quick):
    """(what `study.json` calls it, its cells with their figures) of the folder of a finished study."""
    import numpy as np

    file = folder / "study.json"
    if not file.exists():
        sys.exit(f"{file}: found no such file; expected a finished study; run keras-kd study first, or give --studies")
    told, cells = json.loads(file.read_text(encoding="utf-8")), []
    for cell in told["cells"]:
        runs = list(cell["runs"].items())[: 1 if quick else None]
        found = {seed: one_run(folder / place) for seed, place in runs}
        if None in found.values():
            continue
        means = {name: float(np.mean([one[name] for one in found.values()])) for name in next(iter(found.values()))}
        cells.append({"cell": cell["cell"], "mean": means, "by_seed": found})
    return told["study"], cells


def main():
    places = "saved_models/three_levels_synthetic,saved_models/sim_temperature"
    chosen = options(__doc__, studies=(str, places, "folders of finished studies, with commas between"))
    heads = ("entropy", "label", "not first", "label at 1", "at 1", "odds", "gradient", "follows", "alike", "most said")
    lines, studies = [" " * 44 + "".join(f"{head:>11}" for head in heads)], {}
    for place in chosen.studies.split(","):
        name, cells = one_study(Path(place), chosen.quick)
        studies[name] = cells
        lines.append(name)
        for one in studies[name]:
            values = "".join(f"{value:>11.3f}" for value in one["mean"].values())
            lines.append(f"{', '.join(one['cell'].values()):<44}{values}")
    result = {"note": " ".join(__doc__.split("\n\n")[-1].split()), "studies": studies}
    finish("shown_targets", result, "\n".join(lines), chosen)


if __name__ == "__main__":
    main()
