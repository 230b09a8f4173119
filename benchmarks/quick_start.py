"""The digits recipe over three seeds, compared with the same student on labels alone with the same budget.

    python benchmarks/quick_start.py [--quick] [--json] [--backend jax]

Teacher and student of every seed; accuracy of the student as Keras runs it and as full int8. Killed, it goes on.
"""

import os
from pathlib import Path

import numpy as np
from measuring import distill, finish, options

ROOT = Path(__file__).parent.parent


def percent(values):
    """{"mean", "std", "values"} in percent."""
    values = 100 * np.array(values)
    return {
        "mean": round(float(values.mean()), 2),
        "std": round(float(values.std(ddof=1)), 2) if len(values) > 1 else None,
        "values": [round(float(value), 2) for value in values],
    }


def main():
    chosen = options(__doc__)
    seeds = (0,) if chosen.quick else (0, 1, 2)
    folder = ROOT / "saved_models" / f"quick_start-{os.environ.get('KERAS_BACKEND', 'tensorflow')}"
    distilled, alone = [], []
    for seed in seeds:
        distilled.append(distill("digits", folder / f"digits-{seed}", seed=seed))
        labels = ["teacher=null", "terms=[]", "label_weight=1", "export.formats=[]"]
        alone.append(distill("digits", folder / f"alone-{seed}", labels, seed))
    reports = [one["report"] for one in distilled]
    int8 = [export for report in reports for export in report["exports"] if export["format"] == "litert_int8"]
    result = {
        "seeds": list(seeds),
        "teacher": percent([reports[0]["teacher"]["top1"]]),
        "distilled": percent([report["student"]["top1"] for report in reports]),
        "int8": percent([export["accuracy"] for export in int8]),
        "student_alone": percent([one["report"]["student"]["top1"] for one in alone]),
        "agreement": percent([report["fidelity"]["agreement"] for report in reports]),
        "seconds": [report["time"]["seconds"]["total"] for report in reports],
        "runs": [one["command"] for one in distilled + alone],
        "reports": reports,
    }
    rows = []
    for name in ("teacher", "distilled", "int8", "student_alone", "agreement"):
        one = result[name]
        rows.append(f"{name:<14} {one['mean']:>6.2f} +- {one['std'] or 0:.2f}  {one['values']}")
    finish("quick_start", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
