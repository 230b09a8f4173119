"""How alike a teacher holds the classes to be, read from its last layer."""

from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


def class_relations(network, classes, where):
    """Cosines between the class vectors of a network: the columns of the kernel that makes its logits.

    Args:
        network: a built `keras.Model`; the last Dense layer with `classes` units is read, in nested models too.
        classes: how many there are.
        where: what asks, named first in errors.

    Returns:
        float array (classes, classes), with 1 on the diagonal.

    Raises:
        UserError: there is no such layer, or several networks stand side by side and each has one.

    Example:
        >>> import keras
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, kernel_initializer="ones")])
        >>> class_relations(network, classes=3, where="kd").round(3).tolist()[0]
        [1.0, 1.0, 1.0]
    """
    layer = _last_dense(network, classes, where)
    if layer is None:
        raise UserError(
            f"{where} reads the kernel of the teacher's last Dense layer, and {network.name!r} has none with {classes} "
            "units; use a target that reads the logits alone, such as pt or topk"
        )
    kernel = ops.convert_to_numpy(layer.kernel).astype("float64")
    kernel = kernel / ((kernel**2).sum(axis=0, keepdims=True) ** 0.5 + 1e-12)
    return kernel.T @ kernel


def _last_dense(network, classes, where):
    nested = []
    for layer in reversed(getattr(network, "layers", ())):
        if isinstance(layer, keras.layers.Dense) and layer.units == classes:
            return layer
        found = _last_dense(layer, classes, where)
        if found is not None:
            nested.append((layer.name, found))
    if len(nested) > 1:
        names = ", ".join(name for name, _ in reversed(nested))
        raise UserError(
            f"{where} reads the kernel of the teacher's last Dense layer, and {network.name!r} has one in each of "
            f"{names}; give a teacher that is one network, or use a target that reads the logits alone, such as pt"
        )
    return nested[0][1] if nested else None
