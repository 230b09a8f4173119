"""The network of a name: what sort it is, and the network itself."""

from keras_kd.models.foreign.kinds import CALLED, FOREIGN, foreign_kind
from keras_kd.models.load import from_file, from_function
from keras_kd.models.saved import know
from keras_kd.models.zoo import MODELS
from keras_kd.models.zoo.applications import APPLICATIONS, application, check_images
from keras_kd.models.zoo.arguments import check_arguments
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, ends_in
from keras_kd.utils.suggest import did_you_mean

FILLED = ("image_shape", "classes", "depth", "width", "channels", "convolutions", "blocks", "mean", "std", "name")


def kind(name):
    """What sort of network a name means, by the text alone.

    Args:
        name: as a recipe gives it.

    Returns:
        "file" (ends in .keras or .h5), "function" (package.module:function), "application" (of `keras.applications`,
        in any case), "zoo", one of `keras_kd.models.foreign.kinds.FOREIGN`, or None for an unknown name. A SavedModel
        alone is known by what lies in its folder.

    Example:
        >>> kind("resnet20"), kind("mobilenetv2"), kind("teacher.keras"), kind("nets:tiny"), kind("resnet21")
        ('zoo', 'application', 'file', 'function', None)
    """
    if ends_in(name, KERAS):
        return "file"
    if ":" in name and foreign_kind(name) is None:
        return "function"
    if _application_name(name):
        return "application"
    return "zoo" if name in MODELS else foreign_kind(name)


def foreign_kind_of(spec):
    """The kind of a teacher that is no Keras network, or None.

    Args:
        spec: of a network, with "model" and, of one that teaches, "function".

    Returns:
        One of `keras_kd.models.foreign.kinds.FOREIGN`, or "function", of one that predicts.

    Example:
        >>> from types import SimpleNamespace
        >>> foreign_kind_of(SimpleNamespace(model="mine:ask", function="predicts"))
        'function'
    """
    sort = None if spec.model is None else kind(spec.model)
    if sort == "function":
        return sort if getattr(spec, "function", None) == "predicts" else None
    return sort if sort in FOREIGN else None


def know_module_of(name):
    """Makes the module of a network that a function builds known, so that the network is loaded where it was saved.

    Args:
        name: of the network, of any kind.

    Raises:
        UserError: as of `keras_kd.models.saved.know`.
    """
    if kind(name) == "function":
        know(name.partition(":")[0])


def build(
    name,
    image_shape,
    classes,
    *,
    mean=None,
    std=None,
    pixels=None,
    from_logits=None,
    weights=None,
    arguments=None,
    output=None,
    layout=None,
):
    """The network of a name, from pixels 0..255 to one output a class.

    Networks of the zoo and of `keras.applications` give logits; those of the user give what they give.

    Args:
        name: see `kind`.
        image_shape: (height, width, channels) of the data.
        classes: number of classes of the data.
        mean, std: of the data in units of 0..1, one a channel; for the zoo, and for `pixels="standard"`.
        pixels: what a network of the user expects: "pixels" (default), "unit", "symmetric" or "standard"; see
            `keras_kd.models.load.from_file`. The others know it themselves.
        from_logits: what the caller says of the output; it matters for a network of one unit of the user's.
        weights: None, or "imagenet" for a network of `keras.applications`.
        arguments: a dict of keyword arguments for the builder: `width_multiplier` in the zoo.
        output: the name of the output that is meant, of a network of the user's that has several.
        layout: of a network that is no Keras network, "channels_first" or "channels_last", where it cannot be told.

    Returns:
        A built `keras.Model`. One that is no Keras network (ONNX, LiteRT, SavedModel) teaches by way of a bank alone.

    Raises:
        UserError: an unknown name, a network that does not fit the data, or an argument it does not take.

    Example:
        >>> build("resnet8", (32, 32, 3), 100).count_params()
        84564
    """
    image_shape = tuple(image_shape)
    sort = kind(name)
    if sort is None:
        raise UserError(f"{name}: no such network{_suggestion(name)}")
    check_unbuilt(name, image_shape, pixels=pixels, weights=weights, arguments=arguments)
    if sort != "application" and weights is not None:
        raise UserError(
            f"{name}: weights: found {weights!r}; only networks of keras.applications have weights; leave it out"
        )

    if sort in ("zoo", "application") and output is not None:
        raise UserError(f"{name}: output: found {output!r}; it has one output; leave it out")
    if layout is not None and sort not in FOREIGN:
        raise UserError(f"{name}: layout: found {layout!r}; a Keras network knows it itself; leave it out")
    if sort == "application":
        return application(_application_name(name), image_shape, classes, weights=weights, arguments=arguments)
    if sort == "zoo":
        return MODELS[name].builder(image_shape, classes, mean=mean, std=std, name=name, **(arguments or {}))
    given = {"pixels": pixels, "mean": mean, "std": std, "from_logits": from_logits, "output": output}
    if sort in FOREIGN:
        from keras_kd.models.foreign.build import build_foreign

        return build_foreign(name, sort, image_shape, classes, layout=layout, arguments=arguments, **given)
    if sort == "function":
        return from_function(name, image_shape, classes, arguments=arguments, **given)
    return from_file(name, image_shape, classes, **given)


def check_unbuilt(name, image_shape=None, *, pixels=None, weights=None, arguments=None):
    """Refuses what can be seen not to fit a network before it is built.

    Args:
        name, image_shape, pixels, weights, arguments: as of `build`; image_shape None where it is not known.

    Raises:
        UserError: as `build`.

    Example:
        >>> check_unbuilt("resnet20", pixels="unit")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: resnet20: pixels: found 'unit'; it takes pixels and normalises them itself; \
leave it out
    """
    sort = kind(name)
    if sort in ("zoo", "application") and pixels not in (None, "pixels"):
        raise UserError(f"{name}: pixels: found {pixels!r}; it takes pixels and normalises them itself; leave it out")
    if sort == "zoo":
        check_arguments(name, MODELS[name].builder, arguments, FILLED)
    if sort == "application" and image_shape is not None:
        check_images(_application_name(name), image_shape, weights)
    if sort in FOREIGN and arguments:
        given = ", ".join(arguments)
        raise UserError(f"{name}: arguments: found {given}; {CALLED[sort]} takes none; leave them out")
    if sort == "file" and arguments:
        raise UserError(f"{name}: arguments: found {', '.join(arguments)}; a saved network takes none; leave them out")


def _application_name(name):
    """The name as Keras writes it, or None."""
    return {known.lower(): known for known in APPLICATIONS}.get(name.lower())


def _suggestion(name):
    expected = (
        f"; expected one of {', '.join(MODELS)}, a name of keras.applications such as MobileNetV2, "
        "a .keras file, or package.module:function; a teacher may be an .onnx or .tflite file or a SavedModel too"
    )
    return did_you_mean(name, (*MODELS, *APPLICATIONS), otherwise=expected)
