"""Measuring any Keras model on the test images of a dataset."""

from pathlib import Path

from keras_kd import data
from keras_kd.models.network import build, cost, logits_of
from keras_kd.recipe.schema_networks import ModelSpec
from keras_kd.report import write as report
from keras_kd.workflows.run.environment import environment, git_commit


def evaluate_model(file, dataset, pixels="pixels", from_logits=True, image_size=None):
    """The report of a `.keras` file on a dataset.

    Args:
        file: path of the model.
        dataset: name, as in a recipe.
        pixels: what the model takes: "pixels" (0..255), "unit", "symmetric" or "standard".
        from_logits: whether it gives logits.
        image_size: of a folder's images, resized to it; None leaves them.

    Returns:
        A report without teacher, training or exports.
    """
    images = data.load(dataset, image_size=image_size)
    network = build(ModelSpec(model=str(file), pixels=pixels, from_logits=from_logits), images, "model")
    logits, seconds = logits_of(network, images.test.images)
    found = {"recipe": Path(file).name, **report.summarize(logits, None, images.test.labels)}
    found["student"]["name"] = network.name
    found["cost"] = cost(network.model)
    found["time"] = {"seconds": {"data": round(images.seconds, 3), "student": round(seconds * len(logits), 3)}}
    found["environment"], found["git_commit"] = environment(), git_commit()
    return found
