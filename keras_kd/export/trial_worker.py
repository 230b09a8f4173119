"""The process that makes files of networks to measure them: `python -m keras_kd.export.trial_worker FOLDER`.

The folder holds `job.json` and, for int8, `images.npy`. Jobs come as JSON lines on standard input: {"convert": FILE}
is answered by {"file", "bytes"}, {"time": [FILE, FILE], "seconds"} by {"milliseconds": [of each]}, what fails by
{"error"}.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from keras_kd.export.formats import TABLE
from keras_kd.export.formats.format import Request
from keras_kd.export.latency import opened
from keras_kd.export.reasons import reason_of
from keras_kd.export.worker import deployed, load, never_drawing
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import bytes_on_disk

# Runs of each file: at least, at most, and those before them. Of the times the one that a fifth are shorter than is
# taken: what other programs do makes runs longer, never shorter.
LEAST, MOST, WARM_UP, SHARE = 15, 2000, 5, 20


def serve(work):
    """Does jobs until there are no more.

    Args:
        work: the folder.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what TensorFlow and Keras print joins the log
    settings = json.loads((work / "job.json").read_text())
    images = np.load(work / "images.npy") if (work / "images.npy").exists() else None
    request = Request(tuple(settings["image_shape"]), settings["inputs"], "logits", images)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if "convert" in job:
                answer = _converted(work, settings["format"], request, job)
            else:
                answer = {"milliseconds": _timed(job["time"], request.image_shape, job["seconds"])}
        except UserError as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": f"cannot be {'converted' if 'convert' in job else 'run'}: {reason_of(error)}"}
        print(json.dumps(answer), file=answers, flush=True)


def _converted(work, name, request, job):
    student = load(job["convert"], job["modules"])
    file = work / Path(job["convert"]).stem / TABLE[name].file
    file.parent.mkdir()
    with never_drawing(student):
        TABLE[name].write(deployed(name, student, request, False), file, request)
    outside = TABLE[name].outside(file)
    if outside:
        raise UserError(
            f"needs operators that are not built in: {', '.join(outside)}; replace the layers that use them"
        )
    return {"file": str(file), "bytes": bytes_on_disk(file)}


def _timed(files, image_shape, seconds):
    """Milliseconds of one image through each of some files, timed in turns."""
    image = np.random.default_rng(0).integers(0, 256, (1, *image_shape))
    runs = []
    for file in files:
        run, dtype = opened(file)
        given = (image - 128 if dtype == np.int8 else image).astype(dtype)
        runs.append(lambda run=run, given=given: run(given))
    begun = time.perf_counter()
    for run in runs:
        for _ in range(WARM_UP):
            run()
    each = (time.perf_counter() - begun) / WARM_UP
    count = int(min(MOST, max(LEAST, seconds / max(each, 1e-9))))
    times = np.empty((count, len(runs)))
    for number in range(count):
        for which, run in enumerate(runs):
            begun = time.perf_counter()
            run()
            times[number, which] = time.perf_counter() - begun
    return [round(float(one), 6) for one in 1e3 * np.percentile(times, SHARE, axis=0)]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
