"""Files that are made of networks only to be measured: how large each is, how fast next to another.

TensorFlow runs in a process of its own, as for an export; it stays for all of them, and times two files in turns, so
that what else the machine does hits both alike.
"""

import contextlib
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np

from keras_kd.export.export import custom_modules, tensorflow_process
from keras_kd.export.formats import CALIBRATED, MEASURABLE, missing_here
from keras_kd.utils.errors import UserError
from keras_kd.utils.quiet import quiet_start

CALIBRATION = 8  # images: where the ranges lie changes neither the size of a file nor its speed
SECONDS = 2.0  # of timing


def check_format(name, where="format"):
    """Refuses a format whose files cannot be measured here.

    Args:
        name: of a format.
        where: the argument, for errors.

    Raises:
        UserError: there is no such format, or a package is missing.

    Example:
        >>> check_format("int8")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: format: found 'int8'; expected one of litert_float32, ...
    """
    if name not in MEASURABLE:
        raise UserError(f"{where}: found {name!r}; expected one of {', '.join(MEASURABLE)}")
    missing = missing_here((name,))
    if missing:
        raise UserError(f"{where}: {missing}")


class TrialFiles:
    """The files of networks in one format; a context, within which its process is there once it is needed.

    Args:
        name: of the format, one of `MEASURABLE`.
        image_shape: (height, width, channels).
        images: (n, height, width, channels) as the networks take them; some of them set the ranges of int8. None for
            any numbers.
        inputs: "float32", or "uint8" for files that take pixels as images have them.

    Raises:
        UserError: `check_format`.

    Example:
        >>> with TrialFiles("litert_float32", (8, 8, 1)) as files:  # doctest: +SKIP
        ...     files.compared(network, smaller)
        {'format': 'litert_float32', 'bytes': [70380, 9212], 'milliseconds': [0.021, 0.006]}
    """

    def __init__(self, name, image_shape, images=None, inputs="float32"):
        check_format(name)
        self.name, self.image_shape, self.inputs = name, tuple(image_shape), inputs
        if images is None:
            images = np.random.default_rng(0).uniform(0, 255, (CALIBRATION, *self.image_shape)).astype("float32")
        chosen = np.linspace(0, len(images) - 1, min(CALIBRATION, len(images))).round().astype(int)
        self._images = np.stack([np.asarray(images[one]) for one in chosen])
        self._work, self._process, self._opened, self._made = None, None, contextlib.ExitStack(), {}

    def __enter__(self):
        self._work = Path(self._opened.enter_context(_folder()))
        return self

    def __exit__(self, *error):
        self._opened.close()

    def compared(self, network, smaller):
        """What the file of a network is next to that of another one; each is made once.

        Args:
            network, smaller: built `keras.Model`s of `image_shape`.

        Returns:
            dict: "format"; "bytes" and "milliseconds" of one image, [of the network, of the other].

        Raises:
            UserError: one of them cannot be made into a file, or it cannot be run.
        """
        one, other = (self._file_of(model) for model in (network, smaller))
        timed = self._asked(time=[one["file"], other["file"]], seconds=SECONDS)
        sizes = [one["bytes"], other["bytes"]]
        return {"format": self.name, "bytes": sizes, "milliseconds": timed["milliseconds"]}

    def _file_of(self, model):
        key = digest_of(model)
        if key not in self._made:
            saved = self._work / f"{key[:16]}.keras"
            with quiet_start():
                model.save(saved)
            self._made[key] = self._asked(convert=str(saved), modules=custom_modules(saved))
            saved.unlink()
        return self._made[key]

    def _asked(self, **job):
        if self._process is None:
            self._begin()
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            said = (self._work / "log.txt").read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise UserError(f"{self.name}: cannot be measured: its TensorFlow process stopped: {said[-1][:300]}")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(f"{self.name}: {answer['error']}")
        return answer

    def _begin(self):
        given = {"format": self.name, "image_shape": self.image_shape, "inputs": self.inputs}
        (self._work / "job.json").write_text(json.dumps(given))
        if self.name in CALIBRATED:
            np.save(self._work / "images.npy", self._images)
        work = tensorflow_process("keras_kd.export.trial_worker", self._work)
        self._process = self._opened.enter_context(work)


@contextlib.contextmanager
def _folder():
    folder = tempfile.mkdtemp(prefix="keras_kd-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def digest_of(model):
    """What a network is, its layers and its weights, in 64 hexadecimal digits.

    Args:
        model: a built `keras.Model`.

    Example:
        >>> from keras_kd.models import build
        >>> model = build("digits_tiny", (8, 8, 1), 10)
        >>> digest_of(model) == digest_of(model)
        True
    """
    digest = hashlib.sha256(json.dumps(model.get_config(), sort_keys=True, default=str).encode())
    for weight in model.weights:
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32"))))
    return digest.hexdigest()
