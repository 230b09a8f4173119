"""How closely the student follows its teacher, where, and beyond what two accurate networks do anyway."""

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.report import tables
from keras_kd.report.blocks import Plot, in_markdown, in_terminal, plots, section, table, text
from keras_kd.report.fields import parts
from keras_kd.report.plots import COLOURS, axes
from keras_kd.utils.formatting import bare_percent, number

# More points than these are drawn as their density.
POINTS = 600
CELLS = 60


def fidelity(report, evidence):
    """Agreement by split, the control, confidences next to each other, representations."""
    points = _points(evidence)
    return section(
        "fidelity",
        "Fidelity to the teacher",
        table(*tables.agreement(report), tables.AGREEMENT_MEANS),
        text(tables.seen_by_the_teacher(report)),
        text(tables.control(report)),
        text(tables.confidence(report)),
        plots(_confidences(report, *points) if points else None, _representations(report)),
        in_markdown(text(_alike(report))),
        text(_weights_of_examples(report)),
        in_terminal(text(_brief(parts(report, "fidelity")))),
    )


def _brief(fidelity):
    if fidelity.get("agreement") is None:
        return ""
    kl = f", KL {fidelity['kl']:.4f}" if "kl" in fidelity else ""
    return f"agreement with the teacher {bare_percent(fidelity['agreement'])} %{kl}"


def _alike(report):
    alike = ", ".join(f"{tap} {number(value)}" for tap, value in parts(report, "representation").items())
    return f"Representations, linear CKA with the teacher's: {alike}." if alike else ""


def _points(evidence):
    if not evidence or "teacher_logits" not in evidence:
        return None
    teacher, student = metrics.confidence_pairs(evidence["student_logits"], evidence["teacher_logits"])
    return (teacher, student) if len(teacher) > 1 else None


def _confidences(report, teacher, student):
    how = (
        f"Each of {len(teacher):,} test images: how sure the teacher is of its own first class, and how sure the "
        "student is of that same class. On the dashed line both are equally sure; a fitted line steeper than it is a "
        "student that exaggerates. Below 0 the student gives that class less than half of its probability."
    )
    line = parts(report, "deviation")
    return Plot("How sure of the teacher's class", how, lambda: _draw_confidences(line, teacher, student))


def _draw_confidences(line, teacher, student):
    drawn, plot = axes(5.0, 3.8)
    # A handful of images far out would squeeze all others into a corner.
    (left, right), (low, high) = (np.quantile(one, (0.002, 0.998)) for one in (teacher, student))
    low, high = min(left, low), max(right, high)
    margin = 0.05 * (high - low or 1.0)
    low, high = low - margin, high + margin
    if len(teacher) <= POINTS:
        plot.scatter(teacher, student, s=10, color=COLOURS[0], alpha=0.5, linewidths=0)
    else:
        counts, _, _ = np.histogram2d(teacher, student, bins=CELLS, range=((low, high), (low, high)))
        cells = np.zeros((CELLS, CELLS, 4))
        cells[..., :3] = [int(COLOURS[0][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        cells[..., 3] = np.where(counts.T > 0, 0.15 + 0.85 * np.log1p(counts.T) / np.log1p(counts.max() or 1), 0.0)
        plot.imshow(cells, origin="lower", extent=(low, high, low, high), aspect="auto", interpolation="nearest")
    ends = np.array([low, high])
    plot.plot(ends, ends, "--", color=COLOURS[7], label="as sure as its teacher", linewidth=1.4)
    slope, intercept = line.get("slope"), line.get("intercept")
    if slope is not None and intercept is not None:
        label = f"fitted, slope {slope:.2f}"
        plot.plot(ends, intercept + slope * ends, color=COLOURS[1], label=label, linewidth=1.8)
    plot.set_xlim(low, high)
    plot.set_ylim(low, high)
    plot.set_xlabel("teacher's log-odds")
    plot.set_ylabel("student's log-odds")
    plot.legend(frameon=False, fontsize=9)
    return drawn


def _representations(report):
    alike = parts(report, "representation")
    if not alike:
        return None
    how = (
        "How alike the features of the two networks are, layer by layer: 1 is the same up to a rotation, 0 has nothing "
        "in common. Logits can agree where features do not."
    )
    return Plot("Features next to the teacher's", how, lambda: _draw_representations(alike))


def _draw_representations(alike):
    drawn, plot = axes(5.0, 0.9 + 0.42 * len(alike))
    places = range(len(alike))
    plot.barh(places, list(alike.values()), color=COLOURS[0], alpha=0.75, height=0.6)
    for place, value in zip(places, alike.values(), strict=True):
        plot.text(value + 0.01, place, f"{value:.2f}", va="center")
    plot.set_yticks(places, list(alike))
    plot.invert_yaxis()
    plot.set_xlim(0, 1.12)
    plot.set_xlabel("linear CKA")
    return drawn


def _weights_of_examples(report):
    weights = parts(report, "splits", "train", "example_weights")
    if weights.get("correlation") is None:
        return ""
    return (
        f"Distillation weighs examples: the median weight of a training example in the gradient is "
        f"{number(weights.get('median'))} of what its label alone would give, and it goes with how sure the teacher is "
        f"of the label (Spearman's correlation {number(weights['correlation'])})."
    )
