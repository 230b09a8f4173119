"""Where NaN or infinity comes from in a network: a layer's weights, or the first layer that gives them."""

import keras
import numpy as np

from keras_kd.models.taps import recorded_run
from keras_kd.utils.errors import UserError


def refuse_lost_weights(name, network):
    """Refuses a network of which a weight is NaN or infinite.

    Args:
        name: of the network, which the error begins with.
        network: a built `keras.Model`.

    Raises:
        UserError: the first such layer, and how many of its values.

    Example:
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="last")])
        >>> network.layers[0].bias.assign([0.0, float("nan"), 0.0])  # doctest: +ELLIPSIS
        <...>
        >>> refuse_lost_weights("teacher.keras", network)
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: teacher.keras: layer 'last' is not finite: 1 of the 3 values of its bias is \
NaN; take a network that was trained to the end, or save it again
    """
    for variable in network.weights:
        found = describe_lost(variable, network.name)
        if found is not None:
            raise UserError(f"{name}: {found}; take a network that was trained to the end, or save it again")


def describe_lost(variable, network=""):
    """What is lost of a variable: "layer 'a' is not finite: 3 of the 9 values of its kernel are NaN"; None of a whole
    one.

    Args:
        variable: a `keras.Variable`.
        network: the name of the network, which the layer's path does not begin with.
    """
    values = keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
    lost = int((~np.isfinite(values)).sum())
    if not lost:
        return None
    layer, _, kind = variable.path.removeprefix(f"{network}/").rpartition("/")
    are = "are" if lost > 1 else "is"
    return (
        f"layer {layer or kind!r} is not finite: {lost:,} of the {values.size:,} values of its {kind} {are} "
        f"{word_of(values)}"
    )


def word_of(values):
    """What of numbers is not finite, in a word.

    Example:
        >>> word_of(np.array([1.0, np.nan])), word_of(np.array([np.inf]))
        ('NaN', 'infinite')
    """
    return "NaN" if np.isnan(values).any() else "infinite"


def first_lost(values):
    """(place of the first example of a batch whose values are not finite, what they are); None where all are.

    Example:
        >>> first_lost(np.array([[0.0], [np.inf]]))
        (1, 'infinite')
    """
    values = np.asarray(values)
    if values.dtype.kind not in "fc" or np.isfinite(values).all():
        return None
    rows = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    place = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
    return place, word_of(rows[place])


def first_lost_layer(network, images):
    """The name of the first layer that gives NaN or infinity on images, in the order in which layers run; or None.

    Args:
        network: a built `keras.Model`; it runs in inference mode.
        images: a batch that it takes.
    """
    _, seen = recorded_run(network, images)
    for layer, value in seen:
        for one in keras.tree.flatten(value):
            if one is not None and first_lost(keras.ops.convert_to_numpy(keras.ops.cast(one, "float32"))) is not None:
                return layer.name
    return None
