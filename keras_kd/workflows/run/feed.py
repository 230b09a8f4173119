"""How the training images reach the networks: on the device as a whole, or batch by batch."""

from keras_kd.data.epochs import Epochs
from keras_kd.data.views.rendering import ViewRenderer

# Above this the training images stay on the host and each batch is sent as pixels.
RESIDENT_BYTES = 2 * 2**30


def renderer_of(recipe, dataset):
    """The layer that renders the recipe's views; it holds the training images where they are few enough."""
    images = dataset.train.images
    return ViewRenderer(recipe.data.family, images if images.nbytes <= RESIDENT_BYTES else None)


def epochs_of(recipe, dataset, renderer, bank=None, epoch=0):
    """The training images as `Epochs`.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        renderer: of `renderer_of`.
        bank: the teacher's `Bank`, or None.
        epoch: the epoch to begin with, counted from 0.
    """
    views, train = recipe.data.family, dataset.train
    return Epochs(
        train.images if renderer.images is None else None,
        train.labels,
        views,
        recipe.fit.batch_size,
        recipe.seed,
        epoch,
        image_shape=dataset.image_shape,
        classes=dataset.classes,
        bank=bank,
        positions=None if views.mixing else train.positions,
    )
