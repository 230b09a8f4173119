"""A classifier with several subclasses a class, whose network still gives the logits of the plain classes."""

from keras_kd.models.graph import output_of, source
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops

TAP = "subclasses"


def with_subclasses(method, network, subclasses):
    """A network like another, its last Dense widened to `subclasses` units a class.

    The logits of the subclasses are its layer "subclasses", those of a class next to each other; what it gives are the
    logits of the plain classes, the logarithm of the sum over a class's subclasses: softmax of them is the sum of the
    subclasses' probabilities. A network that ends so already is given back as it is.

    Args:
        method: named in errors.
        network: a built functional or sequential `keras.Model` whose last layer is a Dense that gives logits.
        subclasses: of each class, 1 or more.

    Returns:
        A functional `keras.Model`; its layers but the last are those of the network.

    Raises:
        UserError: the network ends otherwise, or has another number of subclasses already.

    Example:
        >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> made = with_subclasses("mine", network, 5)
        >>> made.output_shape, made.get_layer("subclasses").output.shape
        ((None, 2), (None, 10))
    """
    if not getattr(network, "outputs", None):
        raise UserError(
            f"{method}: student: {network.name!r} is no functional or sequential model, so its classifier cannot be "
            "widened; build it with keras.Model(inputs, outputs)"
        )
    classes = network.outputs[0].shape[-1]
    if any(layer.name == TAP for layer in network.layers):
        found = output_of(method, "student", network, TAP).shape[-1]
        if found == classes * subclasses:
            return network
        raise UserError(
            f"{method}: student: {network.name!r} has {found} subclasses of {classes} classes already; expected "
            f"{classes * subclasses}: set the subclasses to {found // classes} a class, or give the plain network"
        )
    classifier, read = source(network.outputs[0])
    if not isinstance(classifier, keras.layers.Dense) or classifier.activation is not keras.activations.linear:
        raise UserError(
            f"{method}: student: {network.name!r} ends in {classifier.name!r}; expected a Dense without activation "
            "that gives the logits: only such a classifier can be widened to subclasses"
        )
    if classifier not in network.layers:
        raise UserError(
            f"{method}: student: the last Dense of {network.name!r} lies in a model inside it; expected it in the "
            "network itself: build it with keras.Model(inputs, outputs) of one level"
        )
    config = {**classifier.get_config(), "name": TAP, "units": classes * subclasses}
    logits = keras.layers.Dense.from_config(config)(read[0])
    grouped = keras.layers.Reshape((classes, subclasses), dtype="float32", name="subclasses_by_class")(logits)
    inputs = network.inputs[0] if len(network.inputs) == 1 else network.input
    return keras.Model(inputs, ops.logsumexp(grouped, axis=-1), name=network.name)
