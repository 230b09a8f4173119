"""Two finished runs compared image by image, by what they kept of their test images."""

from pathlib import Path

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.evaluation.predictions_file import read_predictions
from keras_kd.recipe.folders import RunFolder


def paired_on_images(one, other):
    """Whether the students of two runs differ on the test images that both were shown.

    Args:
        one, other: folders of the runs.

    Returns:
        dict of `keras_kd.evaluation.metrics.paired_images` with "accuracies" of the two; None where one has kept
        nothing, or they saw other images.
    """
    kept = [read_predictions(RunFolder(Path(of)).predictions) for of in (one, other)]
    if any(file is None for file in kept) or not np.array_equal(kept[0]["labels"], kept[1]["labels"]):
        return None
    correct = [file["student_logits"].argmax(1) == file["labels"] for file in kept]
    return {**metrics.paired_images(*correct), "accuracies": [float(right.mean()) for right in correct]}
