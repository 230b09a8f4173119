"""What each epoch gave: `history.csv`, and the same figures for TensorBoard."""

import csv
import re
import time
from pathlib import Path

from keras_kd.utils.files import atomic_write, claim
from keras_kd.utils.lazy import installed

# One name for all times, so that a run that was killed and went on has the files of one that was not.
EVENTS = "events.out.tfevents.0.keras_kd"
OF_EARLIER_VERSIONS = re.compile(r"events\.out\.tfevents\.\d+\.keras_kd")


def write_csv(rows, path, done=False):
    """Writes `history.csv`: a line per epoch, a column a figure; columns that came later are empty before.

    Args:
        rows: list of dicts of numbers, each with "epoch" (counted from 1).
        path: the file.
        done: no line will be added: a change of the file is noticed from now on.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_write(path, sealed=done) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


class TensorBoardLog:
    """Scalars in TensorBoard's format, written without TensorFlow.

    The whole history is written anew when it opens, so a resumed run shows each epoch once.

    Args:
        folder: of the event file.
        rows: the history so far, as in `write_csv`.
    """

    def __init__(self, folder, rows=()):
        self.writer = None
        if not installed("tensorboard"):
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder = Path(folder)
        claim(folder / EVENTS)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if OF_EARLIER_VERSIONS.fullmatch(old.name) and not old.is_symlink():
                old.unlink()
        self.event = Event
        self.writer = RecordWriter(open(folder / EVENTS, "wb"))
        self.writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        for row in rows:
            self.add(row)
        self.writer.flush()

    def add(self, row):
        """Writes one epoch's figures."""
        if self.writer is None:
            return
        event = self.event(wall_time=time.time(), step=int(row["epoch"]))
        for name, value in row.items():
            if name != "epoch":
                event.summary.value.add(tag=name, simple_value=float(value))
        self.writer.write(event.SerializeToString())
        self.writer.flush()

    def close(self):
        """Closes the event file."""
        if self.writer is not None:
            self.writer.close()
