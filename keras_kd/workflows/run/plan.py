"""What a recipe will cost, before it runs: the models are built, every shape is checked, nothing is trained."""

import time

import keras
import numpy as np

from keras_kd import backend
from keras_kd.models import cost as bench
from keras_kd.models.network import cost
from keras_kd.recipe.folders import teacher_run_name
from keras_kd.recipe.load import reading_once
from keras_kd.utils.formatting import count, duration, plural, size
from keras_kd.workflows.run.choose_bank import planned_bytes
from keras_kd.workflows.run.dry_run import about_data, dry_run

# Seconds to start and compile, and of a step in addition to its multiplications: orders of size on two CPU cores.
START, STEP = 10.0, 0.004


@reading_once()
def plan(recipe, smoke=False, *, look=None, everything=True):
    """Builds a recipe's networks for its data and checks that they, the methods and the data fit.

    Args:
        recipe: a `Recipe`.
        smoke: whether teachers that are recipes are shrunk too.
        look: as of `keras_kd.workflows.run.dry_run.dry_run`, a list of what it finds doubtful, or None.
        everything: as of `keras_kd.workflows.run.rehearse.rehearse`.

    Returns:
        dict with "student", "teacher" (name, parameters, macs), "data" (images, classes), "steps", "seconds" (an
        estimate from the multiplications and this machine's rate), "repeated_seeds" (of all seeds and baselines:
        "seeds", "runs", "seconds"; None for a single run), "bytes" (of the run folder), "bank_bytes" and
        "checks" (what `look` gave, or None).

    Raises:
        UserError: what does not fit, as `distill` would find it.
    """
    about, plans, made, checks = about_data(recipe), {}, {}, []

    def visit(spec, taught):
        run = teacher_run_name(spec.model, spec.settings)
        if run not in made:
            made[run] = plan(taught, smoke, everything=False)
        plans[(run, spec.seed)] = made[run]

    seen = None if look is None else lambda: checks.append(look())
    student, teacher = dry_run(recipe, about, smoke, visit, look=seen, everything=everything)
    epochs = _epochs(recipe)
    steps = -(-about.train_count // recipe.fit.batch_size) * epochs
    student_cost = cost(student.model)
    teacher_cost = cost(teacher.model) if teacher else None
    work = _work(recipe, student_cost["macs"], (teacher_cost["macs"] or 0) if teacher_cost else 0)
    rate = multiplications_a_second()
    kept = len(recipe.fit.kept()) - 1
    taught = 8 * teacher_cost["bytes"] if recipe.meta else 0
    seconds = round(START + STEP * steps + work * about.train_count * epochs / rate, 1)
    return {
        "student": {"name": student.name, **student_cost},
        "teacher": {"name": teacher.name, **teacher_cost} if teacher else None,
        "teacher_run": _together(list(plans.values())),
        "data": {
            "name": recipe.data.name,
            "image_shape": list(about.image_shape),
            "classes": about.classes,
            "train": about.train_count,
            "test": about.test_count,
            "views": recipe.data.family.count,
            "here": about.here,
        },
        "epochs": epochs,
        "steps": steps,
        "seconds": seconds,
        "repeated_seeds": _repeated_seeds(recipe, seconds, about.train_count, student_cost["macs"], rate),
        "checks": checks[0] if checks else None,
        "bank_bytes": planned_bytes(recipe, about, teacher),
        "bytes": (8 + kept) * recipe.generations * student_cost["bytes"]
        + taught
        + about.train_count * int(np.prod(about.image_shape)),
    }


def _epochs(recipe):
    """Epochs in all; those of networks that cooperate count as the student's, as if they were as large."""
    together = recipe.cooperative
    if together is not None:
        return (recipe.fit.epochs + together.rounds * together.epochs) * (1 + len(recipe.peers))
    return recipe.fit.epochs * recipe.generations


def _work(recipe, student, teacher):
    """Multiply-accumulates of training on an image, out of those of a run of each network on one.

    The gradient of a run costs two runs more, and what is differentiated twice three times its first gradient.
    """
    work = 3 * student + teacher
    if recipe.meta is not None:
        work += 9 * student + 3 * teacher + 3 * student * recipe.meta.held_out_batches / recipe.meta.batches
    return work


def _repeated_seeds(recipe, seconds, train_count, macs, rate):
    """The runs of all seeds and their baselines, or None where there is one run."""
    seeds, baseline = len(recipe.seeds) or 1, recipe.baseline
    alone = 0 if baseline is None else 1 if baseline.label_smoothing is None else 2
    if seeds == 1 and not alone:
        return None
    steps = -(-train_count // recipe.fit.batch_size) * recipe.fit.epochs
    of_alone = START + STEP * steps + 3 * macs * train_count * recipe.fit.epochs / rate
    return {"seeds": seeds, "runs": seeds * (1 + alone), "seconds": round(seeds * (seconds + alone * of_alone), 1)}


def _together(runs):
    """The plan of the recipes that a teacher is made of."""
    if len(runs) < 2:
        return runs[0] if runs else None
    return {"seconds": round(sum(one["seconds"] for one in runs), 1), "runs": runs}


_rate = {}


def multiplications_a_second():
    """How many multiply-accumulates a second this machine does in 3x3 convolutions like those of a CIFAR ResNet."""
    if not _rate:
        layers = [keras.Input((16, 16, 32))] + [
            keras.layers.Conv2D(32, 3, padding="same", use_bias=False) for _ in range(8)
        ]
        network = keras.Sequential(layers)
        run = backend.inference(network)
        images = np.zeros((64, 16, 16, 32), "float32")
        keras.ops.convert_to_numpy(run(images))
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            keras.ops.convert_to_numpy(run(images))
            times.append(time.perf_counter() - begun)
        _rate["macs"] = bench.macs(network) * len(images) / float(np.median(times))
    return _rate["macs"]


def in_words(planned):
    """A plan as lines of text."""
    lines = []
    for role in ("teacher", "student"):
        one = planned[role]
        if one:
            cost = "no Keras network, so parameters and multiply-accumulates are not known"
            if one["parameters"] is not None:
                cost = f"{one['parameters']:,} parameters, {count(one['macs'])} multiply-accumulates per image"
            lines.append(f"  {role:<8} {one['name']}: {cost}")
    about = planned["data"]
    shape = " x ".join(map(str, about["image_shape"]))
    lines.append(
        f"  data     {about['name']}: {about['train']:,} training and {about['test']:,} test images of {shape}, "
        f"{about['classes']} classes, {plural(about['views'], 'view')} per image"
    )
    if not about["here"]:
        lines.append("           to be downloaded; the counts are those published")
    training = f"{planned['steps']:,} steps in {planned['epochs']} epochs"
    lines.append(f"  training {training}, about {duration(planned['seconds'])} on this machine")
    if planned["repeated_seeds"]:
        repeated = planned["repeated_seeds"]
        every = f"{plural(repeated['runs'], 'run')}, {plural(repeated['seeds'], 'seed')}"
        lines.append(f"           the training of all, {every}: {duration(repeated['seconds'])}")
    if planned["teacher_run"]:
        before = duration(planned["teacher_run"]["seconds"])
        lines.append(f"           before it about {before} for the teacher, if its run is missing")
    bank = f", and {size(planned['bank_bytes'], 'bank')} for the teacher's bank" if planned["bank_bytes"] else ""
    lines.append(f"  disk     about {size(planned['bytes'])}{bank}")
    lines += [f"  doubtful {line}" for line in planned.get("checks") or ()]
    return "\n".join(lines)
