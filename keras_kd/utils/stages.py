"""Where the wall time of a command goes: each second belongs to one stage, so that the stages sum to the whole."""

import contextlib
import time

# What belongs to no other stage: starting, reading, loading data.
REST = "starting"

_going_on = []
_asked = []


class Stages:
    """The stages of one work.

    Args:
        begun: when, of `time.monotonic`; now by default.
        keep: called with {stage: seconds} as a stage ends, so that a kill loses little.
        clock: seconds, rising.

    Example:
        >>> seconds = iter([0.0, 1.0, 4.0, 6.0])
        >>> stages = Stages(clock=lambda: next(seconds))
        >>> with stages.stage("training"):
        ...     pass
        >>> stages.seconds()
        {'starting': 3.0, 'training': 3.0}
    """

    def __init__(self, begun=None, keep=None, clock=time.monotonic):
        self.keep, self._clock = keep, clock
        self._last = clock() if begun is None else begun
        self._seconds, self._open = {REST: 0.0}, [REST]
        self.worked = False

    @contextlib.contextmanager
    def stage(self, name):
        """The time of the block is that of a stage; that of a stage inside it is the inner one's."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()
            self._kept()

    def mark(self):
        """What has passed of a stage that goes on is kept."""
        self._settle()
        self._kept()

    def is_in_a_stage(self):
        """Whether the time now is that of a stage with a name."""
        return self._open != [REST]

    def seconds(self):
        """{stage: seconds} until now."""
        self._settle()
        return {name: round(one, 3) for name, one in self._seconds.items()}

    def take(self, other):
        """The time of a work inside: by its own stages where none is going on here, else as part of that stage."""
        self.worked = self.worked or other.worked
        if not self.is_in_a_stage():
            self._last = other._last
            for name, one in other._seconds.items():
                self._seconds[name] = self._seconds.get(name, 0.0) + one
        else:
            self._settle()

    def _settle(self):
        now, name = self._clock(), self._open[-1]
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._last
        self._last = now

    def _kept(self):
        if self.keep is not None:
            self.keep(self.seconds())


@contextlib.contextmanager
def timed(keep=None, asked=True):
    """The `Stages` of the work in the block.

    Args:
        keep: as of `Stages`.
        asked: whether the time since the command was given, see `was_asked`, is part of it.
    """
    around = _going_on[-1] if _going_on else None
    if around is not None:
        around._settle()
    own = Stages(_asked.pop() if asked and _asked and around is None else None, keep)
    _going_on.append(own)
    try:
        yield own
    finally:
        _going_on.pop()
        own._settle()
        if around is not None:
            around.take(own)


def was_asked(begun):
    """Says when the command was given, of `time.monotonic`: starting Python and Keras is part of it."""
    _asked[:] = [begun]


def stage(name):
    """The time of the block is that of a stage of the work that goes on, if there is one."""
    return _going_on[-1].stage(name) if _going_on else contextlib.nullcontext()


def mark():
    """As `Stages.mark`, of the work that goes on, and of those that it is a stage of."""
    for one in _going_on:
        if one is _going_on[-1] or one.is_in_a_stage():
            one.mark()


def added(one, other):
    """The sum of two {stage: seconds}.

    Example:
        >>> added({"training": 1.0}, {"training": 2.0, "page": 0.5})
        {'training': 3.0, 'page': 0.5}
    """
    return {name: round(one.get(name, 0.0) + other.get(name, 0.0), 3) for name in {**one, **other}}
