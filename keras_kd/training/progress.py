"""What a person sees while a student trains."""

import time

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from keras_kd.utils.formatting import duration
from keras_kd.utils.screen import print_note
from keras_kd.utils.steps import step

# Of an epoch, what a line shows, and what it is called there.
FIGURES = {"loss": "loss", "accuracy": "training accuracy", "val_accuracy": "validation accuracy"}


class QuietProgress(keras.callbacks.Callback):
    """Shows nothing; a work around it that takes long still says which epoch it is at.

    Args:
        epochs: how many epochs there are in all.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        step(f"epoch {epoch + 1}/{self.epochs}", tell=False)

    def stop(self):
        """After training, also after an error."""
        step("what comes after training", tell=False)


class TrainingProgress(keras.callbacks.Callback):
    """A bar over the whole training with the time left; where there is no terminal, a line per epoch.

    Args:
        title: what trains.
        epochs: how many epochs there are in all.
        steps: steps per epoch.
        done: epochs done before (a resumed run).
    """

    def __init__(self, title, epochs, steps, done=0):
        super().__init__()
        self.title, self.epochs, self.steps, self.done = title, epochs, steps, done
        self.bar = None

    def on_train_begin(self, logs=None):
        self.begun = time.monotonic()
        console = Console(stderr=True)
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%  {task.fields[figures]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=console,
            )
            self.task = self.bar.add_task(
                self.title, total=self.epochs * self.steps, completed=self.done * self.steps, figures=""
            )
            self.bar.start()
            step(None)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.step = epoch, 0
        if self.bar:
            self.bar.update(self.task, description=f"{self.title} epoch {epoch + 1}/{self.epochs}")
        else:
            step(f"epoch {epoch + 1}/{self.epochs}", tell=False)

    def on_train_batch_end(self, batch, logs=None):
        if self.bar:
            # A compiled call may hold several steps, and only its last is reported.
            self.bar.update(self.task, advance=batch + 1 - self.step, figures=_figures(logs or {}))
        self.step = batch + 1

    def on_epoch_end(self, epoch, logs=None):
        if self.bar:
            self.bar.update(self.task, figures=_figures(logs or {}))
            return
        spent = time.monotonic() - self.begun
        left = spent / (epoch + 1 - self.done) * (self.epochs - epoch - 1)
        line = f"{self.title} epoch {epoch + 1}/{self.epochs}  {_figures(logs or {})}  {duration(left)} left"
        print_note(line)

    def stop(self):
        """Takes the bar down, also after an error."""
        if self.bar:
            self.bar.stop()
        step("what comes after training", tell=False)


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
