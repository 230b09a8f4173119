"""An ensemble whose members may each be shown a view of their own."""

import keras

from keras_kd.models.wrappers.ensemble import ensemble, mean_of_logits, normalized_weights
from keras_kd.models.wrappers.softened import as_logits


class EnsembleOnOwnViews(keras.Model):
    """What `on_own_views` makes: called on images it shows all members the same ones."""

    how = None

    def on_views(self, images):
        """The logits of the mean where each member is shown images of its own.

        Args:
            images: a list of tensors (batch, height, width, channels), one for each member; all of the same examples.

        Returns:
            float32 tensor (batch, classes).
        """
        weights, flags, mean, temperature = self.how
        known = [number for number, weight in enumerate(weights) if weight > 0]
        logits = [
            as_logits(self.get_layer(f"member_{number + 1}")(images[number], training=False), flags[number])
            for number in known
        ]
        return mean_of_logits(logits, [weights[number] for number in known], mean, temperature)


def on_own_views(members, *, mean="probabilities", weights=None, temperature=None, from_logits=True, name="ensemble"):
    """An ensemble that can be shown a view of its own for each member: p = mean_m softmax(z_m(view_m(x))).

    As a network of one batch of images it is `ensemble`; a `Distiller` shows each member its own view, as the batches
    of `Epochs(member_views=...)` name them.

    Args:
        members, mean, weights, temperature, from_logits, name: as of `ensemble`.

    Returns:
        An `EnsembleOnOwnViews`.

    Raises:
        UserError: as of `ensemble`.

    Source:
        Guo et al. 2025, arXiv:2405.00739: another augmentation for each teacher; known by its abstract.

    Example:
        >>> import numpy as np
        >>> from keras_kd.models import build
        >>> both = on_own_views([build("digits_tiny", (8, 8, 1), 10) for _ in range(2)])
        >>> image = np.eye(8, dtype="float32")[None, ..., None]
        >>> bool(np.allclose(both.on_views([image, image]), both(image), atol=1e-6))
        True
        >>> both.on_views([image, image[:, ::-1]]).shape == (1, 10)
        True
    """
    members = list(members)
    whole = ensemble(members, mean=mean, weights=weights, temperature=temperature, from_logits=from_logits, name=name)
    made = EnsembleOnOwnViews(whole.inputs[0], whole.outputs[0], name=name)
    flags = (from_logits,) * len(members) if isinstance(from_logits, bool) else tuple(from_logits)
    made.how = (tuple(normalized_weights(weights, len(members), name)), flags, mean, temperature)
    return made
