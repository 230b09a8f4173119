"""Does it pay to make the student from the teacher? The same multiply-accumulates, by hand and pruned, three seeds.

    python benchmarks/pruning_pays.py               # hours on two cores; goes on where it was stopped
    python benchmarks/pruning_pays.py --quick       # one seed, one share, one epoch: to see that it runs
    python benchmarks/pruning_pays.py --table       # of what is there, without running anything

The first 20 classes of CIFAR-100 at 16x16, 10,000 training and 2,000 test images; the teacher is wrn_16_2 of 60 epochs.
By hand: the width at which wrn_16_2 does so many multiply-accumulates. "Whole budget": the epochs of the teacher; all
others have 12. Learning rate 0.05 of what begins anew, 0.02 of what is pruned. All but "on labels" learn from the
teacher by KD (temperature 4, weight 0.9, labels 0.1).
"""

import json
import os

import measuring
import numpy as np
import small_pair

SHARES, SEEDS = (0.5, 0.25), (0, 1, 2)
TEACHER, SIZE, CLASSES = "wrn_16_2", 16, 20
EPOCHS, WHOLE = 12, 60
FRESH, PRUNED = 0.05, 0.02
KD = "label_weight: 0.1\nterms: [{method: kd, weight: 0.9, temperature: 4}]\n"
# {arm: (how its student is had, whether it is taught, epochs)}.
ARMS = {
    "by hand, on labels": ("hand", False, "few"),
    "by hand, KD": ("hand", True, "few"),
    "by hand, KD at the teacher's whole budget": ("hand", True, "whole"),
    "the pruned shape afresh, KD": ("afresh", True, "few"),
    "pruned, on labels": ("pruned", False, "few"),
    "pruned, KD": ("pruned", True, "few"),
}


def width_by_hand(share):
    """(the width of wrn_16_2 at which it does at most so much, and most of that; its multiply-accumulates)."""
    from keras_kd.models import build
    from keras_kd.models.cost import macs

    def work(width):
        return macs(build(TEACHER, (SIZE, SIZE, 3), CLASSES, arguments={"width_multiplier": width}))

    allowed, low, high = 1.005 * share * work(1.0), 20, 100
    while high - low > 1:  # in hundredths
        middle = (low + high) // 2
        low, high = (middle, high) if work(middle / 100) <= allowed else (low, middle)
    return low / 100, work(low / 100)


def afresh(base, share, seed):
    """The file of the pruned shape with first weights, made once the pruned student is there."""
    from keras_kd.models.saved import load_saved

    file = base / f"afresh-{share:g}-seed{seed}.keras"
    if not file.exists():
        import keras

        keras.utils.set_random_seed(seed)
        keras.models.clone_model(load_saved(base / f"{name_of('pruned, KD', share, seed)}" / "student.keras")).save(
            file
        )
    return file.name


def name_of(arm, share, seed):
    """Of a run."""
    return f"{arm.replace(', ', '-').replace(' ', '_').replace(chr(39), '')}-{share:g}-seed{seed}"


def recipe_of(base, data, arm, share, epochs, seed):
    """The recipe of an arm, as text."""
    how, taught, length = ARMS[arm]
    rate = PRUNED if how == "pruned" else FRESH
    student = {
        "hand": lambda: f"{{model: {TEACHER}, arguments: {{width_multiplier: {width_by_hand(share)[0]}}}}}",
        "afresh": lambda: f"./{afresh(base, share, seed)}",
        "pruned": lambda: f"{{prune: {{macs: {share}}}}}",
    }[how]()
    fit = f"{{epochs: {epochs[length]}, batch_size: 64, learning_rate: {rate}, l2: 5.0e-4, decay: cosine}}"
    teacher = "teacher: ./taught.yaml\n" if taught or how == "pruned" else ""
    return f"data: {data}\n{teacher}student: {student}\n{KD if taught else ''}fit: {fit}\nexport: {{formats: []}}\n"


def main():
    chosen = measuring.options(__doc__, table=(bool, False, "only the table of what is there: --table 1"))
    os.environ["PYTHONPATH"] = small_pair.environment()["PYTHONPATH"]
    images, tested = (1_500, 200) if chosen.quick else (10_000, 2_000)
    name = "pruning_pays-quick" if chosen.quick else "pruning_pays"
    base, data = small_pair.begun(name, False, images, tested, 5 if chosen.quick else WHOLE)
    taught = base / "taught.yaml"
    taught.write_text(taught.read_text().replace("student: resnet20", f"student: {TEACHER}"))
    epochs = {"few": 1, "whole": 1} if chosen.quick else {"few": EPOCHS, "whole": WHOLE}
    shares, seeds = (SHARES[:1], SEEDS[:1]) if chosen.quick else (SHARES, SEEDS)
    rows, teacher = [], None
    # The pruned students first, of whose shape another arm is.
    for arm in sorted(ARMS, key=lambda one: ARMS[one][0] != "pruned"):
        for share in shares:
            for seed in seeds:
                name = name_of(arm, share, seed)
                folder = base / name
                if not (folder / "report.json").exists():
                    if chosen.table:
                        continue
                    file = base / f"{name}.yaml"
                    file.write_text(recipe_of(base, data, arm, share, epochs, seed))
                    measuring.distill(str(file), folder, [] if not chosen.quick else ["seeds=[]"], seed)
                report = json.loads((folder / "report.json").read_text())
                teacher = teacher or (report.get("teacher") or {}).get("top1")
                rows.append({"arm": arm, "share": share, "seed": seed, **_figures(report)})
                print(json.dumps(rows[-1]), flush=True)
    result = {"teacher": teacher, "epochs": epochs, "images": images, "rows": rows}
    measuring.finish("pruning_pays", result, table_of(rows, teacher, shares), chosen)


def _figures(report):
    cost, time = report["cost"], report["time"]["seconds"]
    return {
        "top1": report["student"]["top1"],
        "macs": cost["macs"],
        "parameters": cost["parameters"],
        "epochs": report["epochs"],
        "seconds": time["training"],
    }


def table_of(rows, teacher, shares):
    """Mean and deviation over seeds of each arm."""
    told = "" if teacher is None else f" (teacher {100 * teacher:.2f})"
    lines = [f"| top-1{told} | {' | '.join(f'{share:.0%} of the MACs' for share in shares)} |"]
    lines.append("|---" * (1 + len(shares)) + "|")
    for arm in ARMS:
        cells = []
        for share in shares:
            tops = [100 * one["top1"] for one in rows if (one["arm"], one["share"]) == (arm, share)]
            spread = f" ± {np.std(tops, ddof=1):.2f} ({len(tops)})" if len(tops) > 1 else f" ({len(tops)})"
            cells.append(f"{np.mean(tops):.2f}{spread}" if tops else "not run")
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
