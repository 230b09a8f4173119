"""The doctor judged: twenty recipes and runs of which it is known what is wrong, and twenty of which nothing is.

    python benchmarks/doctor_cases.py [--quick] [--json] [--backend jax] [--seed 0] [--only TEXT]

Half of the faults are planted before a run (settings, teacher, data), half in runs that are finished and did not help.
Digits and made images, networks of a few thousand parameters. What the doctor names is the first line of what it says
comes next; of what is healthy nothing may be a warning or bad. `--seed` draws other images, orders of classes, networks
and figures, and in some places another fault of the kind.
"""

import os
import tempfile
import time
from collections import Counter

import numpy as np
from doctor_images import KD, Place, colours, digits, gratings, patterns
from measuring import finish, options

TOO_SMALL = {"model": "digits_tiny", "arguments": {"width_multiplier": 0.125}}
NEARLY_AS_LARGE = {"model": "digits_cnn", "arguments": {"width_multiplier": 0.5}}
LARGER = {"model": "digits_cnn", "arguments": {"width_multiplier": 2.0}}


def unit(place, name, model, **more):
    """A teacher that is a file and takes pixels 0..1."""
    return {"model": place.file(model, name), "pixels": "unit", **more}


def good(place, data="./digits.npz"):
    """A good teacher's fields, for data of which it knows the classes."""
    fields = {"name": data} if isinstance(data, str) else data
    name, pair = fields["name"][2:-4], fields.get("classes")
    more = {"classes": 10, "class_map": pair} if pair else {}
    return unit(place, f"good_{name}", place.good(name, epochs=12), **more)


def changed(place, change, name):
    """A good teacher of digits with another output."""
    from keras_kd.models.wrappers.softened import with_output

    model = with_output(place.good("digits", epochs=12), change, name)
    return {"data": "./digits.npz", "teacher": unit(place, name, model)}


# Before a run.


def other_scale(place):
    trained, given = place.generator.permutation(["pixels", "unit", "symmetric"])[:2]
    model = place.trained("digits", pixels=str(trained), normalised=bool(place.generator.integers(2)))
    return {"data": "./digits.npz", "teacher": {"model": place.file(model, "scale"), "pixels": str(given)}}


def blue_first(place):
    scale = str(place.generator.choice(["pixels", "unit", "symmetric"]))
    model = place.trained("colours", pixels=scale, reverse=True)
    return {"data": "./colours.npz", "teacher": {"model": place.file(model, "blue_first"), "pixels": scale}}


def shuffled(place):
    from keras import ops

    order = np.roll(place.generator.permutation(10), 1).tolist()
    return changed(place, lambda x: ops.take(x, order, -1), "shuffled")


def swapped(place):
    from keras import ops

    one, other = place.generator.permutation(10)[:2]
    order = list(range(10))
    order[one], order[other] = order[other], order[one]
    return changed(place, lambda x: ops.take(x, order, -1), "swapped")


def untrained(place):
    model = place.network((8, 8, 1), 10, normalised=bool(place.seed % 2))
    return {"data": "./digits.npz", "teacher": unit(place, "untrained", model)}


def other_data(place):
    images, labels = gratings(place.generator, 10, 1200, size=8)
    return {
        "data": "./digits.npz",
        "teacher": unit(place, "of_gratings", place.trained("digits", images=images, labels=labels)),
    }


def probabilities(place):
    from keras import ops

    fields = changed(place, ops.softmax, "softmaxed")
    return {**fields, "label_weight": float(place.generator.choice([0.1, 0.5]))}


def never_ran(place):
    import keras

    model = keras.models.clone_model(place.good("digits", epochs=12))
    model.set_weights(place.good("digits", epochs=12).get_weights())
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(0 * layer.moving_mean)
            layer.moving_variance.assign(0 * layer.moving_variance + 1)
    return {"data": "./digits.npz", "teacher": unit(place, "never_ran", model)}


def temperature(low, high):
    def make(place):
        value = float(np.exp(place.generator.uniform(np.log(low), np.log(high))))
        return {"data": "./digits.npz", "teacher": good(place), "terms": [{**KD[0], "temperature": round(value, 3)}]}

    return make


def of_settings(data="./digits.npz", **fields):
    """A good teacher and settings."""
    return lambda place: {"data": data, "teacher": good(place, data), **fields}


def frozen(place):
    from keras_kd.models import build

    student = build("digits_tiny", (8, 8, 1), 10)
    for layer in student.layers[:-1]:
        layer.trainable = False
    return {"data": "./digits.npz", "teacher": good(place), "student": place.file(student, "frozen")}


def dead(place):
    from keras_kd.models import build

    student = build("digits_tiny", (8, 8, 1), 10)
    last = student.get_layer("stage2_1_bn")
    last.beta.assign(last.beta - 50)
    return {"data": "./digits.npz", "teacher": good(place), "student": place.file(student, "dead")}


def blind(place, **fields):
    images, labels = place.train_images("digits")
    seen = ~np.isin(labels, place.generator.permutation(10)[:2])
    model = place.trained("digits", images=images[seen], labels=labels[seen], epochs=12)
    return {"data": "./digits.npz", "teacher": unit(place, "blind", model), **fields}


def memorised(place, **fields):
    """A teacher that was trained for long on labels of which many are wrong."""
    from keras_kd.recipe.load import load
    from keras_kd.workflows.run.open_run import load_data

    data = {"name": "./digits.npz", "label_noise": {"kind": "symmetric", "rate": 0.4}}
    train = load_data(load(place.recipe("noisy", data=data, teacher="digits_cnn"))).train
    images, labels = np.asarray(train.images), np.asarray(train.labels)
    model = place.trained("digits", images=images, labels=labels, channels=(64, 128), epochs=60, rate=0.003)
    return {"data": data, "teacher": unit(place, "memorised", model), **fields}


# After a run.


def weak(place, **fields):
    images, labels = place.train_images("digits")
    few = place.generator.permutation(len(labels))[:60]
    model = place.trained("digits", images=images[few], labels=labels[few], epochs=30, normalised=False)
    return {"data": "./digits.npz", "teacher": unit(place, "weak", model), **fields}


def hardly_trained(place):
    rate = float(place.generator.uniform(0.0006, 0.0009))
    model = place.trained("gratings", epochs=1, rate=rate)
    return {"data": "./gratings.npz", "teacher": unit(place, "hardly", model)}


def with_fit(**fit):
    return of_settings("./gratings.npz", fit=fit)


IDLE = {"start_value": 1.0, "end_value": 1.0, "stop_after": 4}
# (what is planted, the check that should be named first, how it is made): one of each row, by the seed.
BEFORE = [
    [("pixels of another scale", "pixels", other_scale)],
    [("blue before red", "pixels", blue_first)],
    [("shuffled classes", "class order", shuffled)],
    [("two classes in each other's place", "class order", swapped)],
    [("untrained teacher", "teacher accuracy", untrained), ("teacher of other data", "teacher accuracy", other_data)],
    [("blind on two classes", "accuracy by class", blind),
     ("labels that are wrong, memorised", "data", memorised)],
    [("probabilities given as logits", "logits or probabilities", probabilities)],
    [("batch normalisation never run", "batch normalisation", never_ran)],
    [("temperature far too high", "temperature", temperature(60, 600)),
     ("temperature far too low", "temperature", temperature(0.02, 0.2)),
     ("rate far too low", "learning rate", of_settings(fit={"learning_rate": 2e-6}))],
    [("student larger than its teacher", "size of the student", of_settings(student=LARGER)),
     ("frozen student", "student", frozen), ("dead student", "student", dead)],
]  # fmt: skip
AFTER = [
    [("teacher of few images", "teacher accuracy", lambda place: weak(place, baseline=True))],
    [("blind on two classes", "accuracy by class", lambda place: blind(place, baseline=True))],
    [("labels that are wrong, memorised", "data", lambda place: memorised(place, baseline=True))],
    [("hardly trained teacher, no baseline", "teacher accuracy", hardly_trained)],
    [("too few epochs", "training length", with_fit(epochs=2, learning_rate=0.003)),
     ("too few epochs", "training length", with_fit(epochs=4, learning_rate=0.001, decay="constant"))],
    [("rate far too high", "learning rate", with_fit(learning_rate=1.0)),
     ("rate far too high", "learning rate", with_fit(learning_rate=20.0, optimizer="sgd"))],
    [("rate far too low", "learning rate", with_fit(learning_rate=3e-5)),
     ("rate far too low", "learning rate", with_fit(learning_rate=1e-4, optimizer="sgd"))],
    [("student far too small", "capacity", of_settings("./gratings.npz", student=TOO_SMALL)),
     ("student far too small", "capacity", of_settings("./gratings.npz", student=TOO_SMALL, baseline=True))],
    [("labels drown the term", "gradients", of_settings(label_weight=100.0, terms=[{**KD[0], "weight": 0.001}],
                                                        baseline=True)),
     ("the term drowns the labels", "gradients",
      lambda place: weak(place, terms=[{**KD[0], "weight": 500.0}], label_weight=0.01))],
    [("nothing to learn from in most epochs", "weights of the loss",
      of_settings("./gratings.npz", label_weight={**IDLE, "start_value": 0.1, "end_value": 0.1},
                  terms=[{**KD[0], "weight": IDLE}]))],
]  # fmt: skip


# Healthy.


def other(data, student="digits_tiny", **fields):
    return lambda place: {"data": data, "teacher": good(place, data), "student": student, **fields}


def terms(*names, **settings):
    return [{"method": name, **settings} for name in names]


def features(place):
    """Layers teach: a network of the zoo that is trained as a recipe."""
    taught = place.recipe("taught", data="./digits.npz", student="digits_cnn", terms=[], label_weight=1.0)
    at = {"method": "at", "student_taps": ["stage1"], "teacher_taps": ["stage1"], "weight": 10}
    return {"data": "./digits.npz", "teacher": f"./{taught.name}", "terms": [at], "label_weight": 1.0}


def ensemble(place):
    members = [unit(place, f"m{n}", place.trained("digits", channels=(12 + 4 * n, 32), epochs=10)) for n in range(3)]
    return {"data": "./digits.npz", "teacher": members}


def softmaxed(place):
    from keras import ops

    fields = changed(place, ops.softmax, "said")
    return {**fields, "teacher": {**fields["teacher"], "from_logits": False}}


SGD = {"optimizer": "sgd", "learning_rate": 0.05, "batch_size": 16}
HEALTHY = [
    ("digits", False, of_settings()),
    ("probabilities that are said to be some", False, softmaxed),
    ("an ensemble", False, ensemble),
    ("colours, sgd", False, other("./colours.npz", fit=SGD)),
    ("forty classes", False, other("./forty.npz", student={"model": "digits_tiny"})),
    ("two classes, validation images", False, other({"name": "./digits.npz", "classes": [3, 8], "validation": 0.2})),
    ("unequal classes", False, other("./unequal.npz", fit={"optimizer": "adamw", "weight_decay": 0.01})),
    ("function matching: no labels, mixup, temperature 1", False,
     other({"name": "./digits.npz", "views": {"base": "crop_flip", "mixup": 1.0}}, label_weight=0,
           terms=terms("kd", temperature=1))),
    ("dkd and standardised logits", False,
     of_settings(terms=terms("dkd") + terms("kd", standardize=True, temperature=2))),
    ("dist, large batches", False, of_settings(terms=terms("dist"), label_weight=1.0, fit={"batch_size": 256})),
    ("a student nearly as large", False, of_settings(student=NEARLY_AS_LARGE)),
    ("planted noise and a clean teacher", False, lambda place: {
        "data": {"name": "./digits.npz", "label_noise": {"kind": "symmetric", "rate": 0.3}}, "teacher": good(place)}),
    ("digits", True, of_settings(baseline=True)),
    ("gratings, label_weight 0.5", True,
     other("./gratings.npz", label_weight=0.5, baseline=True)),
    ("layers teach", True, features),
    ("born again", True, lambda place: {"data": "./digits.npz", "generations": 2, "label_weight": 0.5,
                                        "fit": {"epochs": 10}}),
    ("peers, no teacher", True, lambda place: {"data": "./digits.npz", "terms": terms("dml"), "label_weight": 1.0,
                                               "peers": ["digits_tiny"], "fit": {"epochs": 6}}),
    ("few images", True, other("./few.npz", fit={"batch_size": 8})),
    ("forty classes, sgd", True, other("./forty.npz", fit={**SGD, "epochs": 15})),
    ("label_weight auto, validation, several views", True,
     other({"name": "./digits.npz", "validation": 0.2, "views": "crop_flip"}, label_weight="auto", baseline=True)),
]  # fmt: skip


def examined(place, name, fields, is_finished):
    """The examination of a recipe, before its run or after it."""
    import keras_kd
    from keras_kd.recipe.load import load
    from keras_kd.workflows.doctor import examine
    from keras_kd.workflows.doctor.start import AT_THE_START

    path = place.recipe(name, **fields)
    folder = place.folder / "saved_models" / name
    teacher = fields.get("teacher")
    if isinstance(teacher, str) and teacher.endswith(".yaml"):
        keras_kd.distill(place.folder / teacher, out=place.folder / "saved_models" / teacher[2:-5], quiet=True)
    if is_finished:
        keras_kd.distill(path, out=folder, quiet=True, despite=AT_THE_START)
    return examine(load(path), folder)


def named_first(found):
    """The check whose fix comes first, or "nothing"."""
    from keras_kd.workflows.doctor import CHECKS

    first = (found["next"] or [""])[0].partition(": ")[0]
    return first if first in CHECKS else "nothing"


def judged(place, number, name, is_finished, make, expected=None):
    """The row of one case."""
    begun = time.perf_counter()
    found = examined(place, f"case{number}", make(place), is_finished)
    wrong = [one for one in found["findings"] if one["outcome"] in ("bad", "warning")]
    said = named_first(found) if wrong else "nothing"
    return {
        "case": name,
        "when": "after a run" if is_finished else "before a run",
        "planted": expected or "nothing",
        "named": said,
        "right": said in expected.split(" | ") if expected else not wrong,
        "found": {one["check"]: f"{one['outcome']}: {one['found']}" for one in wrong},
        "next": found["next"][:2],
        "seconds": round(time.perf_counter() - begun, 1),
    }


def made(folder, seed):
    """The folder of the cases, with their data."""
    place = Place(folder, seed)
    place.data("digits", *digits(place.generator))
    place.data("gratings", *gratings(place.generator, 8))
    place.data("colours", *colours(place.generator))
    place.data("forty", *patterns(place.generator, 40, 4800))
    share = 0.5 ** np.arange(6)
    place.data("unequal", *patterns(place.generator, 6, 1500, channels=1, share=share / share.sum()))
    place.data("few", *patterns(place.generator, 4, 120, noise=20))
    return place


def main():
    chosen = options(
        __doc__, seed=(int, 0, "of all that is drawn"), only=(str, "", "cases of which the name holds this")
    )
    seed, rows = chosen.seed, []
    part = chosen.quick or bool(chosen.only)
    cases = [(*row[seed % len(row)], False) for row in BEFORE] + [(*row[seed % len(row)], True) for row in AFTER]
    cases = [(name, is_finished, make, expected) for name, expected, make, is_finished in cases]
    cases += [(*one, None) for one in HEALTHY]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        place = made(folder, seed)
        for number, (name, *case) in enumerate(cases):
            if chosen.only not in name or (chosen.quick and case[0]):
                continue
            rows.append(judged(place, number, name, *case))
            if not chosen.json:
                print(line(rows[-1]), flush=True)
    planted = [one for one in rows if one["planted"] != "nothing"]
    healthy = [one for one in rows if one["planted"] == "nothing"]
    counts = {
        "planted": len(planted), "named_rightly": sum(one["right"] for one in planted),
        "healthy": len(healthy), "false_alarms": sum(not one["right"] for one in healthy),
        "named_rightly_by_kind": dict(Counter(one["when"] for one in planted if one["right"])),
    }  # fmt: skip
    table = (
        f"{counts['named_rightly']} of {len(planted)} planted causes are named first; {counts['false_alarms']} of "
        f"{len(healthy)} healthy ones are called ill"
    )
    chosen.quick = part  # the file of results is of all
    finish("doctor_cases", {"seed": seed, **counts, "rows": rows}, table, chosen)


def line(row):
    """What is printed of a case."""
    mark = "right" if row["right"] else "WRONG"
    more = "" if row["right"] else f"\n        {row['found']}\n        next: {row['next']}"
    return (
        f"{mark}  {row['when']:<12}  {row['case']:<52}  planted: {row['planted']:<24}  named: {row['named']:<24} "
        f"{row['seconds']:>5} s{more}"
    )


if __name__ == "__main__":
    main()
