"""What training is fed: images, on the device as a whole or batch by batch, those of validation, learning rates."""

from keras_kd.data.epochs import Epochs, ValidationBatches
from keras_kd.data.rounds import HeldOut, Rounds
from keras_kd.data.views.member_views import MemberViews
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.models.network import INFERENCE_BATCH
from keras_kd.training.schedules import learning_rate

# Above this the training images stay on the host and each batch is sent as pixels.
RESIDENT_BYTES = 2 * 2**30


def renderer_of(recipe, dataset):
    """The layer that renders the recipe's views; it holds the training images where they are few enough."""
    images = dataset.train.images
    return ViewRenderer(recipe.data.family, images if images.nbytes <= RESIDENT_BYTES else None)


def epochs_of(recipe, dataset, renderer, bank=None, epoch=0, teacher=None):
    """The training images as `Epochs`.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        renderer: of `renderer_of`.
        bank: the teacher's `Bank`, or None.
        epoch: the epoch to begin with, counted from 0.
        teacher: the `Network` that runs in the step, or None; its members' own views are named with each batch.

    Returns:
        `Epochs`; where the teacher is taught, of as many images a step as a round has.
    """
    seeds = teacher.view_seeds if teacher is not None else ()
    views, train, batches = recipe.data.family, dataset.train, recipe.meta.batches if recipe.meta else 1
    return Epochs(
        train.images if renderer.images is None else None,
        train.labels,
        views,
        recipe.fit.batch_size * batches,
        recipe.seed,
        epoch,
        image_shape=dataset.image_shape,
        classes=dataset.classes,
        bank=bank,
        positions=None if views.mixing else train.positions,
        member_views=MemberViews(seeds, views) if seeds else None,
    )


def rounds_of(recipe, dataset, epochs):
    """The training images as rounds, with held-out images, where the teacher is taught; else as they are.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        epochs: of `epochs_of`.
    """
    if recipe.meta is None:
        return epochs
    size = recipe.fit.batch_size * recipe.meta.held_out_batches
    held_out = HeldOut(dataset.held_out.images, dataset.held_out.labels, size, recipe.seed, recipe.data.family)
    return Rounds(epochs, held_out, recipe.meta.batches)


def validation_batches(context):
    """The validation images of a run as training measures them; None where it has none."""
    held_out = context.dataset.validation
    return held_out and ValidationBatches(held_out.images, held_out.labels, context.recipe.data.family, INFERENCE_BATCH)


def rate_of(fit, epoch):
    """The learning rate of an epoch; `fit` is that of a recipe."""
    return learning_rate(
        epoch,
        base=fit.learning_rate,
        epochs=fit.epochs,
        drops=fit.drops,
        drop_factor=fit.drop_factor,
        decay=fit.decay,
        warmup_epochs=fit.warmup_epochs,
    )
