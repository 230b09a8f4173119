"""The network of a name that means no Keras network, as a `keras.Model` from pixels 0..255."""

from keras_kd.models.foreign.kinds import CALLED
from keras_kd.models.load import fitted
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_path


def build_foreign(name, kind, image_shape, classes, *, data=None, output=None, layout=None, arguments=None, **given):
    """A teacher that is no Keras network.

    Args:
        name: a path, or "package.module:function".
        kind: one of `keras_kd.models.foreign.kinds.FOREIGN`, or "function".
        image_shape, classes: of the data.
        data: the `Dataset`, or its description, which stored answers are of.
        output: the name of the output that teaches, where there are several.
        layout: "channels_first" or "channels_last", where it cannot be told.
        arguments: of a function.
        **given: as of `keras_kd.models.load.fitted`.

    Returns:
        A functional `keras.Model` that runs outside of compiled code alone.

    Raises:
        UserError: it cannot be read, does not fit the data, or is given what it does not take.
    """
    from keras_kd.models.foreign.layer import model_of

    image_shape = tuple(image_shape)
    _check_given(name, kind, given.get("pixels"), output, layout, arguments)
    if kind == "function":
        answering = _opened(kind)(name, arguments, layout)
    elif kind == "stored":
        answering = _opened(kind)(user_path(name, "logits"), data, classes, name)
    else:
        path = user_path(name, "model")
        answering = _opened(kind)(path, image_shape, output=output, layout=layout, written=name)
    return fitted(str(name), model_of(answering, image_shape, classes), image_shape, classes, **given)


def _opened(kind):
    """The class of a kind; each brings a library of its own, which is imported only where it is used."""
    if kind == "onnx":
        from keras_kd.models.foreign.onnx import Onnx

        return Onnx
    if kind == "litert":
        from keras_kd.models.foreign.litert import LiteRT

        return LiteRT
    if kind == "saved_model":
        from keras_kd.models.foreign.saved_model import SavedModel

        return SavedModel
    if kind == "stored":
        from keras_kd.models.foreign.stored import Stored

        return Stored
    from keras_kd.models.foreign.function import Function

    return Function


def _check_given(name, kind, pixels, output, layout, arguments):
    """Refuses what a kind does not take."""
    called = CALLED[kind]
    if kind == "stored" and pixels not in (None, "pixels"):
        raise UserError(f"{name}: pixels: {called} is shown no pixels; leave it out")
    if kind in ("stored", "function") and output is not None:
        raise UserError(f"{name}: output: {called} has one output; leave it out")
    if kind == "stored" and layout is not None:
        raise UserError(f"{name}: layout: {called} is shown no images; leave it out")
    if kind != "function" and arguments:
        raise UserError(f"{name}: arguments: found {', '.join(arguments)}; {called} takes none; leave them out")
