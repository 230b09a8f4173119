"""Python processes that begin with TensorFlow imported: forks of one that imported it and did nothing else.

Importing TensorFlow and Keras takes seconds, several times as long as what most child processes of the tests do then.
A fork is a process like any other: it has its own memory, files, environment and exit code, and can be killed. It is
told from a new one by its command line in /proc alone.
"""

import array
import atexit
import inspect
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from filelock import FileLock

PLACE = "KERAS_KD_FORKS"
KEEP = b"k"
KEPT = {}
# What the child processes of the tests import sooner or later.
IMPORTED = (
    "keras", "tensorflow.lite", "keras_tuner", "ai_edge_litert.interpreter", "matplotlib.pyplot", "scipy.stats",
    "sklearn.datasets", "keras_kd.cli.main", "keras_kd.export.worker", "keras_kd.workflows.search.search",
    "keras_kd.workflows.seeds", "keras_kd.workflows.study.study",
)  # fmt: skip
NEW = subprocess.Popen


class Popen(subprocess.Popen):
    """As `subprocess.Popen`, but Python with `-c` or `-m` and TensorFlow as the backend is forked."""

    def _execute_child(self, *given, **options):
        named = inspect.signature(NEW._execute_child).bind(self, *given, **options).arguments
        self._told, args, env = None, named["args"], named["env"]
        environment = dict(os.environ if env is None else env)
        if not _can_be_forked(args, environment) or named["preexec_fn"] or named["shell"]:
            return super()._execute_child(*given, **options)
        job = {"args": list(map(os.fspath, args[1:])), "env": environment, "session": bool(named["start_new_session"])}
        job["cwd"] = os.fspath(named["cwd"] or os.getcwd())
        pipes = [named[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        files = [number if pipe == -1 else pipe for number, pipe in enumerate(pipes)]
        self._told = _connected(_place())
        text = json.dumps(job).encode() + b"\n"
        socket.send_fds(self._told, [text[:1]], files)
        self._told.sendall(text[1:])
        self._lines = self._told.makefile("rb")
        self.pid = int(self._lines.readline())
        self._child_created = True
        self._close_pipe_fds(
            *(named[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"))
        )

    def _try_wait(self, wait_flags):
        if self._told is None:
            return super()._try_wait(wait_flags)
        if wait_flags & os.WNOHANG and not select.select([self._told], [], [], 0)[0]:
            return 0, 0
        status = self._lines.readline()
        self._lines.close()
        self._told.close()
        return self.pid, int(status or signal.SIGKILL)

    def _internal_poll(self, *given, **options):
        if getattr(self, "_told", None) is None:
            return super()._internal_poll(*given, **options)
        with self._waitpid_lock:
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)
        return self.returncode


def _can_be_forked(args, environment):
    """Whether what is begun is a Python that would import TensorFlow, if anything."""
    if sys.platform != "linux":
        return False
    python = isinstance(args, list) and len(args) > 2 and args[0] == sys.executable and args[1] in ("-c", "-m", "-Pm")
    return python and environment.get("KERAS_BACKEND", "tensorflow") == "tensorflow"


def name_place():
    """Where the process that forks is to be found; it begins when it is first asked for, by whatever process."""
    if PLACE not in os.environ:
        folder = tempfile.mkdtemp()
        os.environ[PLACE] = os.path.join(folder, "forks")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _place():
    """The socket of the process that forks, which goes on as long as one of those that asked for it."""
    name_place()
    place = os.environ[PLACE]
    if os.getpid() not in KEPT:
        with FileLock(f"{place}.lock"):
            try:
                keeper = _connected(place)
            except OSError:
                _begin(place)
                keeper = _connected(place)
        keeper.sendall(KEEP)
        KEPT[os.getpid()] = keeper
    return place


def _connected(place):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
    return connection


def _begin(place):
    # Of one that has ended.
    pathlib.Path(place).unlink(missing_ok=True)
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with NEW([sys.executable, __file__, place], env=environment, start_new_session=True, **pipes) as process:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the process that forks did not begin")
        process.returncode = 0  # nobody waits for it


# That process.


def _serve(place):
    """Forks whenever it is asked to; returns in the fork, with what it is to do."""
    import gc
    import importlib

    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    server, running, keepers = socket.socket(socket.AF_UNIX), {}, []
    server.bind(place)
    server.listen(64)
    awake, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *given: None)
    signal.set_wakeup_fd(wakes)
    print("ready", flush=True)
    while True:
        ready = select.select([server, awake, *keepers], [], [])[0]
        ended = [one for one in keepers if one in ready]
        keepers = [one for one in keepers if one not in ended]
        if ended and not keepers:
            os._exit(0)
        if awake in ready:
            os.read(awake, 1000)
            _tell_of_ended(running)
        if server in ready:
            caller = server.accept()[0]
            if caller.recv(1, socket.MSG_PEEK) == KEEP:
                caller.recv(1)
                keepers.append(caller)
                continue
            job, files = _asked(caller)
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                for one in (server, caller, *running.values(), *keepers):
                    one.close()
                os.close(awake)
                os.close(wakes)
                return job, files
            for file in files:
                os.close(file)
            running[pid] = caller
            caller.sendall(f"{pid}\n".encode())


def _asked(caller):
    text, control, _, _ = caller.recvmsg(1, socket.CMSG_SPACE(3 * 4))
    files = array.array("i", control[0][2])
    return json.loads(text + caller.makefile("rb").readline()), list(files)


def _tell_of_ended(running):
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        caller = running.pop(pid)
        try:
            caller.sendall(f"{status}\n".encode())
        except OSError:
            pass  # it has ended itself
        caller.close()


def _become(job, files):
    """Makes this fork what a new process would be; returns the options and arguments of Python."""
    import random

    import numpy

    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        if file > 2:
            os.close(file)
    if job["session"]:
        os.setsid()
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(job["cwd"])
    of_the_first = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ.clear()
    os.environ.update(job["env"])
    kind, what, *arguments = job["args"]
    named = [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    here = [] if "P" in kind else ["" if kind == "-c" else os.getcwd()]
    own = [path for path in sys.path[1:] if path not in of_the_first or "site-packages" in path or "lib/python" in path]
    sys.path[:] = [*here, *dict.fromkeys([*named, *own])]
    # Two forks must not draw the same.
    random.seed()
    numpy.random.seed()
    # Exports of a forked command are forked too.
    subprocess.Popen = _Exports
    return kind, what, arguments


class _Exports(Popen):
    """In a fork only what exports is forked: other children must be in the fork's own group of processes."""

    def _execute_child(self, *given, **options):
        args = inspect.signature(NEW._execute_child).bind(self, *given, **options).arguments["args"]
        if isinstance(args, list) and "keras_kd.export.worker" in args:
            return super()._execute_child(*given, **options)
        self._told = None
        return NEW._execute_child(self, *given, **options)


if __name__ == "__main__":
    import runpy

    kind, what, arguments = _become(*_serve(sys.argv[1]))
    sys.argv[:] = ["-c" if kind == "-c" else what, *arguments]
    if kind == "-c":
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        # What is imported already would be warned of.
        sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
