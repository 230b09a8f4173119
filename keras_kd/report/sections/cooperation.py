"""What networks that taught each other came to."""

from functools import partial

from keras_kd.report.blocks import Plot, also_in_terminal, plots, section, table, text
from keras_kd.report.decision_surfaces import draw_surfaces
from keras_kd.report.fields import entries, parts
from keras_kd.report.plots import axes
from keras_kd.utils.formatting import percent


def cooperation(report):
    """The networks before and after, what was written in each round, and surfaces where there are two features."""
    networks, rounds = entries(report, "cooperation", "networks"), entries(report, "cooperation", "rounds")
    rows = [
        [one.get("name"), one.get("model"), one.get("images"), one.get("written")]
        + [percent(one.get("before")), percent(one.get("top1")), one.get("file")]
        for one in networks
    ]
    header = ["network", "model", "own images", "examples written for it", "top-1 before", "top-1 after", "file"]
    note = (
        "On the test images; before: after training on its own images alone, before the first round. Part of what a "
        "network gains it would gain by more epochs, or by the held-out images themselves (cooperative.steps: 0)."
    )
    return section(
        "cooperation",
        "Networks that taught each other",
        also_in_terminal(table(header, rows)),
        text(note if rows else "", soft=True),
        table(*_rounds(rounds)),
        plots(*_surfaces(report)),
    )


def _rounds(rounds):
    """What was written in each round, and how right each network was on the held-out images."""
    rows = [
        [one.get("round"), one.get("member"), one.get("wrong"), _by(one), one.get("examples")]
        + [percent(one.get("before")), percent(one.get("after"))]
        for one in rounds
    ]
    header = ["round", "network", "held-out images wrong", "examples written by", "all so far", "right before", "after"]
    note = "Held-out images decide what is written: how many of them are right afterwards is no evidence."
    return header, rows, note if rows else ""


def _by(row):
    return ", ".join(f"{name} {count}" for name, count in parts(row, "by").items()) or None


def _surfaces(report):
    plane = parts(report, "cooperation", "plane")
    low, high = entries(plane, "low"), entries(plane, "high")
    if not len(low) == len(high) == 2:
        return
    how = (
        "The colour is the class that the network names there. Dots are its own training images, crosses what others "
        "wrote for it: where its dots are missing, crosses should have changed the colour."
    )
    for one in entries(plane, "networks"):
        surfaces = {name: entries(one, name) for name in ("before", "after") if _is_whole(one.get(name))}
        if surfaces:
            draw = partial(_drawn, one, surfaces, low, high)
            yield Plot(f"What {one.get('name')} names", how, draw)


def _is_whole(surface):
    """Whether a surface has as many numbers in each row."""
    rows = surface if isinstance(surface, list) else []
    known = all(isinstance(row, list) and None not in row for row in rows)
    return bool(rows) and known and len({len(row) for row in rows}) == 1


def _whole_points(one, name):
    return [point for point in entries(one, name) if len(point) == 3 and None not in point]


def _drawn(one, surfaces, low, high):
    drawn, plot = axes(6.0, 2.8)
    drawn.delaxes(plot)
    return draw_surfaces(drawn, surfaces, low, high, _whole_points(one, "points"), _whole_points(one, "written"))
