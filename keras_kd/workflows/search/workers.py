"""A search of several processes: KerasTuner's chief holds the oracle, workers ask it for trials."""

import contextlib
import functools
import os
import socket
import threading
import time
from pathlib import Path

from keras_tuner.errors import FatalError

from keras_kd.utils.errors import UserError
from keras_kd.utils.files import claim

HEARTBEAT = 2.0  # seconds


def role():
    """ "chief", "worker" or None, by KerasTuner's environment variables."""
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return None
    for needed in ("KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"):
        if needed not in os.environ:
            raise UserError(f"KERASTUNER_ORACLE_IP is set and {needed} is not; set both, or use --chief and --worker")
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"


class Workers:
    """Which workers live: each renews a file of its own in the folder of the search.

    Args:
        folder: of the search, which all processes see.
        patience: seconds without a sign of life after which a worker counts as dead.
    """

    def __init__(self, folder, patience=30.0):
        self.folder, self.patience = Path(folder) / "workers", patience
        self._seen = {}

    @contextlib.contextmanager
    def alive(self, name):
        """Gives signs of life while the block runs."""
        file, ended = self.folder / name, threading.Event()
        claim(file)
        self.folder.mkdir(parents=True, exist_ok=True)

        def beat():
            while not ended.wait(HEARTBEAT):
                file.write_text(str(time.time()), encoding="utf-8")

        file.write_text(str(time.time()), encoding="utf-8")
        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            file.unlink(missing_ok=True)

    def is_dead(self, name):
        """Whether a worker has given no sign for too long; by this machine's clock alone."""
        try:
            said = (self.folder / name).read_text(encoding="utf-8")
        except OSError:
            said = None
        now = time.monotonic()
        if name not in self._seen or self._seen[name][0] != said:
            self._seen[name] = said, now
        return now - self._seen[name][1] > self.patience


class NoChief(FatalError, UserError):
    """There is no chief; KerasTuner lets it through, and no trial counts as failed."""


class PatientClient:
    """The oracle of the chief, as a worker asks it: a chief that was killed is waited for, until it is begun again.

    Args:
        client: KerasTuner's `OracleClient`.
        log: called with a line where it has to wait.
    """

    def __init__(self, client, log):
        self._client, self._log = client, log

    def __getattr__(self, name):
        found = getattr(self._client, name)
        return functools.partial(self._asked, found) if callable(found) else found

    def _asked(self, ask, *arguments, **options):
        import grpc

        while True:
            wait_for_chief(self._log)
            try:
                return ask(*arguments, **options)
            except grpc.RpcError as error:
                # The chief takes what it is told twice as told once.
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise


def wait_for_chief(log, seconds=300.0):
    """Returns when the chief can be reached; a worker may be begun before it.

    Args:
        log: called with a line where it has to wait.
        seconds: after which it is an error.

    Raises:
        UserError: there is no chief.
    """
    host, port = os.environ["KERASTUNER_ORACLE_IP"], os.environ["KERASTUNER_ORACLE_PORT"]
    begun, logged = time.monotonic(), False
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError:
            if time.monotonic() - begun > seconds:
                raise NoChief(
                    f"--worker: no chief answers at {host}:{port}; begin it with --chief {host}:{port}, unless its "
                    "search is done"
                ) from None
        if not logged:
            log(f"waiting for a chief at {host}:{port}, {seconds:.0f} s at most")
            logged = True
        time.sleep(1)


def serve(tuner, workers, log):
    """The chief: answers workers until all trials are done. Trials of workers that died are given to others.

    Args:
        tuner: the chief's `StudentTuner`.
        workers: `Workers`.
        log: called with a line about what happened.
    """
    from concurrent import futures

    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    oracle = tuner.oracle
    oracle.workers = workers
    tuner.save()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    where = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    try:
        bound = server.add_insecure_port(where)
    except RuntimeError:
        bound = 0
    if not bound:
        raise UserError(f"--chief: {where} cannot be listened on; is it in use? Give another port")
    server.start()
    log(f"chief at {where}: waiting for workers")
    reported = set(oracle.end_order)
    try:
        while not _is_done(oracle, servicer):
            time.sleep(0.5)
            for name in {*oracle.ongoing_trials, *oracle.tuner_ids}:
                if workers.is_dead(name):
                    trial = oracle.give_up(name)
                    what = f"; its trial {trial.trial_id} goes to another" if trial is not None else ""
                    log(f"worker {name} gives no sign of life{what}")
            for key in [key for key in oracle.end_order if key not in reported]:
                reported.add(key)
                tuner.log(oracle.trials[key])
    finally:
        server.stop(5).wait()


def _is_done(oracle, servicer):
    done = oracle.is_done()
    if oracle.ongoing_trials or (oracle._retry_queue and not done):
        return False
    ended = servicer.stop_triggered or len(oracle.trials) >= (oracle.max_trials or float("inf")) or done
    return ended and not oracle.tuner_ids
