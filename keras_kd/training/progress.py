"""What a person sees while a student trains."""

import time

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from keras_kd.training.time_left import time_left
from keras_kd.utils import now
from keras_kd.utils.formatting import duration
from keras_kd.utils.screen import print_note
from keras_kd.utils.steps import step

# Of an epoch, what a line shows, and what it is called there.
FIGURES = {"loss": "loss", "accuracy": "training accuracy", "val_accuracy": "validation accuracy"}


class QuietProgress(keras.callbacks.Callback):
    """Shows nothing; who watches the folder is told, and a work around it that takes long says which epoch it is at.

    Args:
        epochs: how many epochs there are in all.
        steps: steps per epoch.
        rows: the history, a dict an epoch, added to before this is called; those of a resumed run are there.
        views: that an image has; None for without end.
    """

    def __init__(self, epochs, steps=1, rows=(), views=1):
        super().__init__()
        self.epochs, self.steps, self.rows, self.views = epochs, steps, rows, views

    def on_train_begin(self, logs=None):
        now.tell(epochs=self.epochs, steps=self.steps, views=self.views, trained=None)

    def on_epoch_begin(self, epoch, logs=None):
        self.step, self.first, self.rate = 0, None, None
        step(f"epoch {epoch + 1}/{self.epochs}", tell=False)
        now.tell(step=0, rate=None)

    def on_train_batch_end(self, batch, logs=None):
        self.step = batch + 1
        if self.first is None:
            self.first = (self.step, time.monotonic())  # the first one compiles
        elif self.step > self.first[0]:
            self.rate = (time.monotonic() - self.first[1]) / (self.step - self.first[0])
        now.tell(step=self.step, rate=self.rate)

    def on_epoch_end(self, epoch, logs=None):
        now.tell(step=0, rate=None)

    def left(self):
        """Seconds until the training ends, or None."""
        return time_left(self.rows, self.epochs, step=self.step, steps=self.steps, rate=self.rate, views=self.views)

    def stop(self):
        """After training, also after an error."""
        now.tell(trained=time.time())
        step("what comes after training", tell=False)


class TrainingProgress(QuietProgress):
    """A bar over the whole training with the time left; where there is no terminal, a line per epoch.

    Args:
        title: what trains.
        epochs, steps, rows, views: as of `QuietProgress`.
    """

    def __init__(self, title, epochs, steps, rows=(), views=1):
        super().__init__(epochs, steps, rows, views)
        self.title, self.bar = title, None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        console = Console(stderr=True)
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%  {task.fields[figures]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=console,
            )
            done = len(self.rows) * self.steps
            self.task = self.bar.add_task(
                self.title, total=self.epochs * self.steps, completed=done, figures="", left=""
            )
            self.bar.start()
            step(None)

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self.bar:
            self.bar.update(self.task, description=f"{self.title} epoch {epoch + 1}/{self.epochs}")
            step(None)

    def on_train_batch_end(self, batch, logs=None):
        # A compiled call may hold several steps, and only its last is reported.
        advance = batch + 1 - self.step
        super().on_train_batch_end(batch, logs)
        if self.bar:
            self.bar.update(self.task, advance=advance, figures=_figures(logs or {}), left=self._left())

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.step, self.rate = 0, None
        if self.bar:
            self.bar.update(self.task, figures=_figures(logs or {}), left=self._left())
            return
        print_note(f"{self.title} epoch {epoch + 1}/{self.epochs}  {_figures(logs or {})}  {self._left()}")

    def _left(self):
        left = self.left()
        return "" if left is None else f"{duration(left)} left"

    def stop(self):
        """Takes the bar down, also after an error."""
        if self.bar:
            self.bar.stop()
        super().stop()


def progress_log(log, every=10.0, clock=time.monotonic):
    """A function of (done, of) that logs how far the filling of a bank is and how long it will take, now and then.

    Args:
        log: called with a text.
        every: seconds that pass between two texts.
        clock: seconds, rising.

    Example:
        >>> seconds = iter([0, 30, 40, 50])
        >>> progress = progress_log(print, clock=lambda: next(seconds))
        >>> progress(250, 1000); progress(500, 1000); progress(250, 900); progress(750, 900)
        500 of 1,000 views  1 min 0 s left
    """
    begun, logged, before = None, None, None

    def progress(done, of):
        nonlocal begun, logged, before
        now = clock()
        if before is None or done <= before:
            # Another filling begins; what its first views took was not logged.
            begun, logged = (now, done), now
        elif now - logged > every:
            logged = now
            left = (of - done) * (now - begun[0]) / (done - begun[1])
            log(f"{done:,} of {of:,} views  {duration(left)} left")
        before = done

    return progress


def _figures(logs):
    return "  ".join(f"{called} {float(logs[name]):.4f}" for name, called in FIGURES.items() if name in logs)
