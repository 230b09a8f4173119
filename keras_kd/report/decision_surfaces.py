"""Decision surfaces of networks of two features, drawn side by side."""

from keras_kd.report.plots import COLOURS

# Points drawn of each kind: more would hide the surface.
POINTS = 200


def draw_surfaces(drawn, surfaces, low, high, points=(), written=()):
    """Draws surfaces into a figure, next to each other.

    Args:
        drawn: a Matplotlib figure, empty.
        surfaces: {title: lists of `keras_kd.evaluation.decision_surface.decision_surface`}.
        low, high: the corners of the surfaces, two numbers each.
        points: rows of (first feature, second feature, class): what the network was trained on, as dots.
        written: likewise, counterfactual examples that were written for it, as crosses.

    Returns:
        `drawn`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = draw_surfaces(Figure(), {"before": [[0, 1], [0, 1]]}, (0, 0), (1, 1), points=[(0.5, 0.5, 1)])
        >>> figure.axes[0].get_title()
        'before'
    """
    from matplotlib.colors import ListedColormap

    plots = drawn.subplots(1, len(surfaces), squeeze=False)[0]
    for place, (title, surface) in enumerate(surfaces.items()):
        plot = plots[place]
        extent = (low[0], high[0], low[1], high[1])
        colours, most = ListedColormap(COLOURS), len(COLOURS) - 1
        classes = [[one % len(COLOURS) for one in row] for row in surface]
        plot.imshow(classes, origin="lower", extent=extent, aspect="auto", cmap=colours, vmin=0, vmax=most, alpha=0.3)
        for rows, marker in ((points, "o"), (written, "x")):
            for one, two, number in list(rows)[:POINTS]:
                plot.plot([one], [two], marker, color=COLOURS[int(number) % len(COLOURS)], markersize=3)
        plot.set_title(title, fontsize=9)
    return drawn
