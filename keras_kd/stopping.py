"""How the command is ended from outside: which signals end it, what it says then, with which exit code.

Nothing is imported here but what Python has at hand as it starts: until the handlers are there a signal ends the
process without a word.
"""

import os
import signal
import sys
import time

SIGNALS = tuple(vars(signal)[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if name in vars(signal))
NOTHING = "nothing was changed"
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
    since = None


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
    sys.unraisablehook = _unraisable


def begin():
    """From now on a signal raises `Stopped`; before, there is nothing to clean up and it ends the process at once."""
    _State.at_once, _State.kept, _State.since = False, NOTHING, None


def keeps(sentence):
    """Registers what is kept, and how to go on, should the command be stopped from now on.

    Args:
        sentence: such as "every whole epoch is kept in saved_models/mine; the same command goes on from there"; None
            where another process says it.
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


def say(text):
    """A line on standard error, if that is still there."""
    try:
        sys.stderr.write(f"keras-kd: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass


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
            _State.kept, _State.at_once = "its work was done", True
            raise
        if not isinstance(error, SystemExit) and line(stop) is not None:
            say(line(stop))
        _leave(exit_code(stop))


def _number(stop):
    return stop.number if isinstance(stop, Stopped) else signal.SIGINT


def _handle(number, frame):
    if _State.at_once:
        _end_now(number, _State.kept)
    # What is handled now: in the clean-up of a first signal that one. If a library swallowed it, it is raised anew.
    if stop_in(sys.exc_info()[1]) is None:
        _State.since = time.monotonic()
        raise Stopped(number)
    if _State.since is not None and time.monotonic() - _State.since > PATIENCE:
        _end_now(number, _State.kept)


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
    """A stop that was raised where nothing can be passed on, such as in `__del__`, comes again a moment later."""
    if not isinstance(found.exc_value, Stopped):
        return sys.__unraisablehook__(found)
    import threading

    again = threading.Timer(0.05, _send, (found.exc_value.number,))
    again.daemon = True
    again.start()


def _send(number):
    import threading

    if os.name == "posix":
        signal.pthread_kill(threading.main_thread().ident, number)
    else:
        signal.raise_signal(number)
