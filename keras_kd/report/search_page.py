"""A search as a page of its own: trials, the objective against each setting, parallel coordinates."""

from keras_kd.report.plots import axes as new_axes
from keras_kd.report.plots import render, svg


def page(search):
    """The page of a search, self-contained HTML.

    Args:
        search: a `keras_kd.report.search_result.SearchResult`.

    Returns:
        A str; where matplotlib or jinja2 is missing, a page that says so.
    """
    return render("search.html", "search", search=search, plots=lambda: _plots(search), best=search.best_trial)


def _plots(search):
    """[(heading, how to read it, SVG)]."""
    done = [one for one in search.trials if one.status == "COMPLETED"]
    if not done:
        return []
    name, way = next(iter(search.objectives.items()))
    plots = []
    for path, said in search.space.items():
        tried = [one for one in done if path in one.values]
        if tried:
            text = (
                f"Each point is a trial: what it set {path} to, and the {name} that came of it; the ring is the best "
                "one. A slope or a bow says that the setting matters; a cloud without shape, that others matter more, "
                "or that the spread of seeds is larger than its effect."
            )
            plots.append((f"{name} against {path}", text, _scatter(tried, path, name, said, search.best)))
    if len(search.space) > 1:
        text = (
            f"Each line is a trial, from setting to setting to its {name} on the right; the darker, the better "
            f"({way}). Lines of the best trials that meet at one height say which value they have in common."
        )
        plots.append(("All settings at once", text, _parallel(done, search.space, name, way)))
    return plots


def _scatter(tried, path, name, said, best):
    figure, axes = new_axes(4.6, 3.0)
    labels = None
    values = [one.values[path] for one in tried]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        labels = list(dict.fromkeys(map(str, values)))
        values = [labels.index(str(one)) for one in values]
    goal = [one.objectives[name] for one in tried]
    axes.scatter(values, goal, s=22, color="#3a6ea5", alpha=0.8, linewidths=0)
    for value, one, height in zip(values, tried, goal, strict=True):
        if one.trial == best:
            axes.scatter([value], [height], s=90, facecolors="none", edgecolors="#c2410c", linewidths=1.8)
    if labels is not None:
        axes.set_xticks(range(len(labels)), labels)
    elif said["sampling"] == "log":
        axes.set_xscale("log")
    axes.set_xlabel(path)
    axes.set_ylabel(name)
    return svg(figure)


def _parallel(done, space, name, way):
    import numpy as np

    figure, axes = new_axes(1.6 + 1.5 * len(space), 3.2)
    names = [*space, name]
    columns = []
    for path in names:
        values = [one.objectives[name] if path == name else one.values.get(path) for one in done]
        plain = [value for value in values if value is not None]
        numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in plain)
        if not numeric:
            order = sorted(set(map(str, plain)))
            values = [None if value is None else order.index(str(value)) for value in values]
        elif path != name and space[path]["sampling"] == "log":
            values = [None if value is None else float(np.log(value)) for value in values]
        known = [value for value in values if value is not None] or [0]
        low, high = min(known), max(known)
        columns.append([np.nan if one is None else (one - low) / ((high - low) or 1) for one in values])
    goodness = np.array(columns[-1]) if way == "max" else 1 - np.array(columns[-1])
    for number in np.argsort(goodness):
        line = [column[number] for column in columns]
        axes.plot(range(len(names)), line, color=(0.23, 0.43, 0.65, 0.1 + 0.85 * float(goodness[number]) ** 2), lw=1.6)
    axes.set_xticks(range(len(names)), names, rotation=15, ha="right")
    axes.set_yticks([0, 1], ["least", "most"])
    return svg(figure)
