"""Where the `keras-kd` command begins: what it does when it is stopped is settled before all else is imported."""

import os
import time


def main():
    """The `keras-kd` command."""
    begun = time.monotonic()
    try:
        from keras_kd.utils import stages, stopping

        stopping.install()
        stages.was_asked(begun)
    except KeyboardInterrupt:  # in the milliseconds before the handlers are there
        os.write(2, b"keras-kd: stopped by SIGINT; nothing was changed\n")
        os._exit(130)
    from keras_kd.cli.main import main as command

    command()
