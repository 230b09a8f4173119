"""Keeps the page of a run up to date while it trains."""

import time

import keras

from keras_kd.report.running_page import running_page
from keras_kd.utils.files import atomic_write, is_held

# Seconds between two pages: epochs may be shorter than it takes to write one.
PAUSE = 1.0


class RefreshPage(keras.callbacks.Callback):
    """Writes `report.html` anew after an epoch, at most once a second; at the end the whole page takes its place.

    Args:
        context: the `RunContext`.
        progress: a `QuietProgress`, which knows the rows and the time that is left.
    """

    def __init__(self, context, progress):
        super().__init__()
        self.files, self.title, self.progress = context.files, context.title, progress
        self.written = -PAUSE
        self.recipe = context.files.recipe.read_text(encoding="utf-8") if context.files.recipe.exists() else ""

    def on_epoch_end(self, epoch, logs=None):
        file = self.files.report_page
        if time.monotonic() - self.written < PAUSE or not is_held(file):
            return
        progress = self.progress
        text = running_page(self.title, progress.rows, progress.epochs, progress.left(), self.recipe)
        with atomic_write(file, sealed=False) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        self.written = time.monotonic()
