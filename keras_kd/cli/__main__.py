"""`python -m keras_kd.cli`: the commands, without the signal handlers of `keras-kd`."""

import time

from keras_kd.utils import stages

stages.was_asked(time.monotonic())

from keras_kd.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
