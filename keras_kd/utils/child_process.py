"""Starting Python again for a part of the work, so that it imports what this process would and nothing else."""

import os
import sys

from keras_kd.utils.foreign_code import current_folder


def command(module, *arguments):
    """The command line of `python -m module`, without the current folder on its path.

    Args:
        module: of keras_kd.
        *arguments: its own.

    Example:
        >>> command("keras_kd.export.latency")[1:]
        ['-Pm', 'keras_kd.export.latency']
    """
    return [sys.executable, "-Pm", module, *map(str, arguments)]


def environment(**changes):
    """The environment variables of such a process: those of this one, and where it finds modules.

    Args:
        **changes: variables that are added, or have another value.

    Example:
        >>> environment(KERAS_BACKEND="jax")["KERAS_BACKEND"]
        'jax'
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search_path()), **changes}


def search_path():
    """The folders in which this process finds modules, as absolute paths that are there.

    The current folder is not one of them, unless PYTHONPATH names it or keras_kd itself lies in it: what lies there
    would stand in for modules of the standard library.

    Example:
        >>> "" in search_path()
        False
    """
    here, home = current_folder(), os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    wanted = {os.path.realpath(one) for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one}
    wanted.add(os.path.realpath(home))
    kept = {}
    for entry in sys.path:
        place = entry or here
        if place is None or not os.path.exists(place):
            continue
        real = os.path.realpath(place)
        if here is None or real != os.path.realpath(here) or real in wanted:
            kept.setdefault(os.path.abspath(place), real)
    if os.path.realpath(home) not in kept.values():
        kept[home] = os.path.realpath(home)
    return list(kept)
