"""Building what trains with the student."""

import keras


def build_adapters(method, specs, networks):
    """The adapters of a method, in float32 whatever the networks' precision, as its losses are.

    Args:
        method: a `keras_kd.methods.Method`.
        specs, networks: as in `Method.adapters`.

    Returns:
        {name: layer}.

    Example:
        >>> from keras_kd.methods import KD
        >>> build_adapters(KD(), {}, {})
        {}
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        return method.adapters(specs, networks)
    finally:
        keras.config.set_dtype_policy(before)
