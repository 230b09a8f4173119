"""Whether probabilities can be believed, before and after temperature scaling."""

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.report import tables
from keras_kd.report.blocks import Plot, plots, section, table, text
from keras_kd.report.fields import get_path, parts
from keras_kd.report.plots import COLOURS, axes, legend_above
from keras_kd.utils.formatting import number


def calibration(report, evidence):
    """A table of errors, and a reliability diagram of each network."""
    bins = get_path(report, "calibration", "bins")
    said = " ".join(
        one
        for one in (
            f"Errors over {bins} bins; 0 is best." if bins else "",
            "Overconfidence is mean confidence minus accuracy.",
            tables.fitted_temperatures(report),
        )
        if one
    )
    return section(
        "calibration",
        "Can its probabilities be believed?",
        table(*tables.calibrations(report), said),
        plots(*(_diagram(report, evidence, role) for role in reversed(tables.CALIBRATIONS))),
        text(
            "How to read the diagrams: images are sorted into bins by how sure the network is of its class. A point on "
            "the dashed line is believed rightly: of images with 80 % confidence 80 % are right. Points below it are "
            "overconfident, points above it underconfident. The larger a point, the more images are in its bin."
            if evidence
            else "",
            soft=True,
        ),
    )


def _diagram(report, evidence, role):
    logits = (evidence or {}).get(f"{role}_logits")
    if logits is None:
        return None
    before, after = tables.CALIBRATIONS[role]
    bins, temperature = get_path(report, before, "bins"), get_path(report, after, "temperature")
    bins = bins if isinstance(bins, int) and bins > 0 else metrics.BINS
    logits = np.asarray(logits, "float64")
    if np.isnan(logits).any(1).all():
        return None
    return Plot(
        f"Reliability of the {role}",
        _said(report, role),
        lambda: _draw_diagram(logits, evidence["labels"], bins, temperature),
    )


def _draw_diagram(logits, labels, bins, temperature):
    drawn, plot = axes(4.6, 3.8)
    plot.plot([0, 100], [0, 100], "--", color=COLOURS[7], linewidth=1.2)
    shown = [(logits, "as trained", COLOURS[0], "o")]
    if temperature:
        shown.append((logits / temperature, f"at temperature {temperature:.2f}", COLOURS[1], "s"))
    for scaled, label, colour, marker in shown:
        counts, accuracies, confidences = metrics.reliability(scaled, labels, bins)
        known = counts > 0
        x, y, share = 100 * confidences[known], 100 * accuracies[known], counts[known] / counts.sum()
        plot.plot(x, y, color=colour, linewidth=1.0, alpha=0.5)
        plot.scatter(x, y, s=14 + 160 * share, color=colour, marker=marker, alpha=0.6, linewidths=0)
        plot.plot([], [], color=colour, marker=marker, label=label, linewidth=1.0)
    plot.set_xlim(0, 102)
    plot.set_ylim(0, 102)
    plot.set_xlabel("confidence, percent")
    plot.set_ylabel("accuracy, percent")
    legend_above(plot, 2)
    return drawn


def _said(report, role):
    before, after = (parts(report, key) for key in tables.CALIBRATIONS[role])
    excess, temperature, scaled = before.get("over_confidence"), after.get("temperature"), ""
    if temperature is not None:
        scaled = (
            f"A temperature of {number(temperature)} brings the error from {number(before.get('ece'))} to "
            f"{number(after.get('ece'))}."
        )
    if excess is None:
        return f"How often the {role} is right, by how sure it is. {scaled}".strip()
    way = "overconfident" if excess > 0 else "underconfident"
    return f"As trained the {role} is {way}, by {100 * abs(excess):.1f} points on the mean. {scaled}".strip()
