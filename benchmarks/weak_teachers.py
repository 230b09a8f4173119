"""Teachers of five kinds, from good to at chance: what their students become, what is said of it, what is delivered.

    python benchmarks/weak_teachers.py [--quick] [--json] [--backend jax] [--seeds 3]

200 labelled images of the embedded digits, 50 of them for validation; three seeds, 6 and 30 epochs. Each teacher is
asked with `label_weight: 0.1`, as in the published recipes, and with `label_weight: auto`, as `keras-kd new` writes it;
each run has its baseline on labels alone and delivers the better student. A run is harmed where its student is more
than a point below labels alone on the test images; it was warned where its first sentence says that labels alone are
better, or by how many points. Stopped are runs that the checks before training refuse; they are run with `--despite`.
"""

import tempfile
from pathlib import Path

import numpy as np
from measuring import finish, options

KINDS = ("good", "few images", "half the labels wrong", "blind on two classes", "chance")
WAYS = {"label_weight 0.1": "0.1", "label_weight auto": "auto"}
HARM = 0.01
TEACHER = """
data: {{name: ./{kind}.npz}}
student: digits_cnn
fit: {{epochs: {epochs}, batch_size: 32, optimizer: adam, learning_rate: 0.005}}
export: {{formats: []}}
"""
STUDENT = """
data: {{name: ./labelled.npz, validation: 50}}
teacher: {{model: "{kind}.yaml"}}
student: digits_tiny
label_weight: {label_weight}
terms: [{{method: kd, weight: 0.9, temperature: 4}}]
fit: {{epochs: {epochs}, batch_size: 16, optimizer: adam, learning_rate: 0.01, decay: cosine}}
baseline: true
export: {{formats: [litert_float32], deliver: best}}
"""


def write_data(folder):
    """The arrays of the students and of each teacher, as .npz files."""
    from sklearn.datasets import load_digits

    bunch, generator = load_digits(), np.random.default_rng(0)
    order = generator.permutation(len(bunch.target))
    pixels = np.round(bunch.images * (255 / 16)).astype("uint8")[order][..., None]
    labels = bunch.target[order].astype("int64")
    of_teacher, of_student, test = slice(0, 800), slice(800, 1000), slice(1000, None)
    x, y = pixels[of_teacher], labels[of_teacher]
    wrong = np.where(generator.random(len(y)) < 0.5, generator.integers(0, 10, len(y)), y)
    seen = ~np.isin(y, (3, 8))
    taught = {
        "good": (x, y), "few images": (x[:100], y[:100]), "half the labels wrong": (x, wrong),
        "blind on two classes": (x[seen], y[seen]), "chance": (x, generator.integers(0, 10, len(y))),
    }  # fmt: skip
    for name, (images, of_images) in {**taught, "labelled": (pixels[of_student], labels[of_student])}.items():
        arrays = {"x_train": images, "y_train": of_images, "x_test": pixels[test], "y_test": labels[test]}
        arrays["label_names"] = np.array(list("0123456789"))
        np.savez(folder / f"{name.replace(' ', '_')}.npz", **arrays)


def run(folder, kind, way, epochs, seed):
    """One distilled run with its baseline; what it became."""
    import keras_kd
    from keras_kd.workflows.doctor.start import AT_THE_START

    name = f"{kind.replace(' ', '_')}-{WAYS[way]}-{epochs}"
    path = folder / f"{name}.yaml"
    path.write_text(STUDENT.format(kind=kind.replace(" ", "_"), label_weight=WAYS[way], epochs=epochs))
    given = {"out": folder / "runs" / f"{name}-seed{seed}", "seed": seed, "quiet": True}
    try:
        report, stopped = keras_kd.distill(path, **given).report, False
    except keras_kd.UserError as error:
        if "--despite" not in str(error):
            raise
        report, stopped = keras_kd.distill(path, **given, despite=AT_THE_START).report, True
    (alone,) = report.verdict.against["labels alone"]["runs"]
    sentence = str(report).splitlines()[0]
    return {
        "teacher": report.teacher.top1,
        "distilled": report.student.top1,
        "labels_alone": alone["top1"],
        "delivered": report.exports[0].accuracy,
        "learned_from": report.delivered.learned_from,
        "warned": "worse" in sentence or " is -" in sentence,
        "stopped": stopped,
        "sentence": sentence,
    }


def main():
    chosen = options(__doc__, seeds=(int, 3, "how many seeds"))
    seeds = range(1 if chosen.quick else chosen.seeds)
    lengths, kinds = ((2,), KINDS[::3]) if chosen.quick else ((6, 30), KINDS)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_data(folder)
        for kind in kinds:
            name = kind.replace(" ", "_")
            (folder / f"{name}.yaml").write_text(TEACHER.format(kind=name, epochs=1 if chosen.quick else 10))
        for epochs in lengths:
            for kind in kinds:
                for way in WAYS:
                    runs = [run(folder, kind, way, epochs, seed) for seed in seeds]
                    rows.append({"epochs": epochs, "kind": kind, "way": way, **summary(runs), "runs": runs})
    finish("weak_teachers", {"seeds": len(seeds), "rows": rows}, "\n".join(table(rows)), chosen)


def summary(runs):
    """Means over seeds in percent, and counts of runs."""
    figures = ("teacher", "distilled", "labels_alone", "delivered")
    means = {name: 100 * float(np.mean([one[name] for one in runs])) for name in figures}
    harmed = [one for one in runs if one["distilled"] < one["labels_alone"] - HARM]
    return {
        **means,
        "spread": 100 * float(np.std([one["distilled"] for one in runs], ddof=1)) if len(runs) > 1 else None,
        "harmed": len(harmed),
        "warned": sum(one["warned"] for one in harmed),
        "stopped": sum(one["stopped"] for one in runs),
        "delivered_harmed": sum(one["delivered"] < one["labels_alone"] - HARM for one in runs),
    }


def table(rows):
    """The lines that are printed."""
    yield f"epochs  {'teacher':<30} {'way':<18} distilled   labels alone  delivered  harmed  warned  stopped"
    for one in rows:
        spread = "" if one["spread"] is None else f" ± {one['spread']:.1f}"
        yield (
            f"{one['epochs']:>6}  {one['kind']:<21} ({one['teacher']:>4.1f})   {one['way']:<17}  "
            f"{one['distilled']:>5.1f}{spread:<6} {one['labels_alone']:>12.1f} {one['delivered']:>10.1f}  "
            f"{one['harmed']:>6}  {one['warned']:>6}  {one['stopped']:>7}"
        )


if __name__ == "__main__":
    main()
