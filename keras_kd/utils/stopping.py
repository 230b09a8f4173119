"""How the command is ended from outside: which signals end it, what it says then, with which exit code.

Nothing is imported here, nor by what is imported here, but what Python has at hand as it starts: until the handlers
are there a signal ends the process without a word.
"""

import os
import signal
import sys
import time

from keras_kd.utils.screen import print_error

SIGNALS = tuple(vars(signal)[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if name in vars(signal))
ALARM = vars(signal).get("SIGALRM")  # not on Windows
HELD = SIGNALS if ALARM is None else (*SIGNALS, ALARM)
NOTHING = "nothing was changed"
AGAIN = 1.0  # seconds after which a stop that was swallowed is raised again
PATIENCE = 10.0  # seconds that the clean-up may take before another signal ends the process at once


class Stopped(KeyboardInterrupt):
    """Raised in the main thread where a signal asks the command to end; so every `finally` runs.

    Args:
        number: of the signal.
    """

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class _State:
    kept = NOTHING
    at_once = True
    number = since = None


def install():
    """Has the signals of `SIGNALS` end this process in a line; for the command alone, never for a library's user.

    What was set to be ignored when the process was begun (by `nohup`, say) stays ignored. Outside the main thread, in
    which Python allows no handlers, nothing happens.
    """
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None, _handle):
            try:
                signal.signal(number, _handle)
            except ValueError:
                return
    _State.kept = _at_first()
    if ALARM is not None and signal.getsignal(ALARM) == signal.SIG_DFL:
        signal.signal(ALARM, _again)
    sys.unraisablehook = _unraisable


def begin():
    """From now on a signal raises `Stopped`; before, there is nothing to clean up and it ends the process at once."""
    _State.at_once, _State.kept, _State.number, _State.since = False, _at_first(), None, None
    _alarm_in(0)


def _at_first():
    """Of a process that works on the study of another one, the other one says it."""
    return None if "--joins" in sys.argv else NOTHING


def keeps(sentence):
    """Registers what is kept, and how to go on, should the command be stopped from now on.

    Args:
        sentence: such as "every completed epoch is kept in saved_models/mine; the same command resumes from there";
            None where another process says it.
    """
    _State.kept = sentence


def line(stop):
    """What is said of a stop, or None.

    Args:
        stop: a `KeyboardInterrupt`; of one that is no `Stopped` the signal is SIGINT.

    Example:
        >>> begin()
        >>> line(Stopped(signal.SIGTERM))
        'stopped by SIGTERM; nothing was changed'
    """
    return None if _State.kept is None else f"stopped by {signal.Signals(_number(stop)).name}; {_State.kept}"


def exit_code(stop):
    """The exit code of a stop, 128 and the signal's number, as of shells.

    Example:
        >>> exit_code(Stopped(signal.SIGTERM)), exit_code(KeyboardInterrupt())
        (143, 130)
    """
    return 128 + _number(stop)


def stop_in(error):
    """The stop that an exception is, or in whose clean-up it was raised; None if there is none.

    Example:
        >>> stop_in(ValueError()) is None
        True
    """
    seen, left = set(), [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, KeyboardInterrupt):
            return one
        seen.add(id(one))
        left += [one.__context__, one.__cause__]
    return None


class as_stop:
    """A block whose clean-up may fail once it is stopped, such as where the terminal is gone: the stop is what counts.

    Example:
        >>> with as_stop():
        ...     pass
    """

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        stop = stop_in(error)
        if stop is not None and stop is not error:
            raise stop from None


def to_its_end(run):
    """Calls what is all of a command's process, and ends the process where it was stopped.

    Args:
        run: ends with SystemExit.
    """
    try:
        run()
    except BaseException as error:
        stop = stop_in(error)
        if stop is None:
            _alarm_in(0)
            _State.kept, _State.at_once = "its work was done", True
            raise
        if not isinstance(error, SystemExit) and line(stop) is not None:
            print_error(line(stop))
        _leave(exit_code(stop))


def _number(stop):
    return stop.number if isinstance(stop, Stopped) else signal.SIGINT


def _handle(number, frame):
    if _State.at_once:
        _end_now(number, _State.kept)
    if not _cleans_up():
        _State.number, _State.since = number, time.monotonic()
        _alarm_in(AGAIN)
        raise Stopped(number)
    if _State.since is not None and time.monotonic() - _State.since > PATIENCE:
        _end_now(number, _State.kept)


def _cleans_up():
    """Whether the clean-up of a stop runs: the stop is what is handled now."""
    return stop_in(sys.exc_info()[1]) is not None


def _again(number, frame):
    """Raises a stop again that did not come through: compiled code clears what the Python code that it calls raises."""
    if _State.number is not None and not _cleans_up():
        _alarm_in(AGAIN)
        raise Stopped(_State.number)


def _alarm_in(seconds):
    if ALARM is not None and signal.getsignal(ALARM) is _again:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end_now(number, kept):
    stop = Stopped(number)
    if kept is not None:
        # Not by sys.stderr, in the middle of whose writing the signal may have come.
        try:
            os.write(2, f"keras-kd: {line(stop)}\n".encode())
        except OSError:
            pass
    os._exit(exit_code(stop))


def _leave(code):
    """Ends the process: all of ours is cleaned up, and the ends of libraries' threads may take long or fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    os._exit(code)


def _unraisable(found):
    """Without a word of a stop that was raised where nothing can be passed on, such as in `__del__`: it comes again."""
    if not isinstance(found.exc_value, Stopped):
        sys.__unraisablehook__(found)
