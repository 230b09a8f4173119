"""Networks of the user's own: a saved `.keras` file, or a function that builds one."""

import inspect

from keras_kd.backend.keras_private import made_by
from keras_kd.models.saved import know, load_saved
from keras_kd.models.zoo.arguments import check_arguments
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.lazy import keras
from keras_kd.utils.paths import user_path
from keras_kd.utils.screen import print_note_once

PIXELS = ("pixels", "unit", "symmetric", "standard")


def from_file(path, image_shape, classes, *, output=None, **given):
    """A network saved by `model.save("x.keras")`, or whole in an `.h5` file, taking pixels 0..255.

    Args:
        path: a `.keras` or `.h5` file. Code in it (Lambda layers) is not run, and modules that it names are not
            imported; classes of the user's own are those of the modules that `keras_kd.models.saved.know` was given.
        image_shape, classes: of the data; a None dimension of the network fits any.
        output: the name of the output that is meant, of a network that has several.
        **given: as of `fitted`.

    Returns:
        A `keras.Model` on images of exactly `image_shape`. The layers of a wrapped network are tapped by path:
        "<network>/<layer>".

    Raises:
        UserError: the file cannot be loaded, or the network is not one for this data.

    Example:
        >>> from_file("saved_models/resnet56/student.keras", (32, 32, 3), 100)  # doctest: +SKIP
        <Functional name=resnet56, built=True>
    """
    model = load_saved(user_path(path, "model"), written=path)
    return fitted(str(path), _of_one_output(str(path), model, output), image_shape, classes, **given)


def from_function(name, image_shape, classes, *, arguments=None, output=None, **given):
    """The network that a function of the user builds: `function(image_shape, classes, **arguments)`.

    Args:
        name: "package.module:function"; the module may lie in the current folder.
        image_shape, classes: as in `from_file`.
        arguments: a dict of keyword arguments for the function.
        output, **given: as of `from_file`.

    Returns:
        As `from_file`.

    Raises:
        UserError: no such module or function, an argument it does not take, it fails, or its network is not built or
            not one for this data.

    Example:
        >>> from_function("my_networks:tiny", (32, 32, 3), 100, arguments={"width": 8})  # doctest: +SKIP
        <Functional name=tiny, built=True>
    """
    module_name, _, function_name = name.partition(":")
    function = foreign_code.named(name)
    know(module_name)
    if not callable(function):
        raise UserError(f"{name}: found no function {function_name!r} in {module_name!r}; expected one")
    # What it imports only now lies next to it as well.
    with foreign_code.importable(foreign_code.current_folder()):
        with foreign_code.guarded(name, "reading its arguments"):
            parameters = list(inspect.signature(function).parameters)
            if len(parameters) == 1 and not str(inspect.signature(function)).startswith("(*"):
                raise UserError(
                    f"{name}: takes ({parameters[0]}); a function that builds a network takes (image_shape, classes); "
                    f"for one that predicts a batch of images write teacher: {{predict: {name}}}"
                )
            check_arguments(name, function, arguments, parameters[:2])
        with foreign_code.guarded(name, "the call (image_shape, classes, ...)"):
            model = function(tuple(image_shape), classes, **(arguments or {}))
    if not isinstance(model, keras.Model):
        raise UserError(f"{name}: found a {type(model).__name__} returned; expected a keras.Model")
    if not model.built:
        raise UserError(f"{name}: found a model without weights; expected a built one; begin it with keras.Input")
    # What it was compiled with is of no use here, and whoever loads the student would need its losses and metrics.
    model.compiled = False
    return fitted(name, _of_one_output(name, model, output), image_shape, classes, **given)


def fitted(name, model, image_shape, classes, *, pixels=None, mean=None, std=None, from_logits=None):
    """A network as one from pixels 0..255 of the data's images, wrapped if need be; see `from_file`.

    Args:
        name: for errors.
        model: a built `keras.Model`.
        image_shape, classes: as in `from_file`.
        pixels: what the network expects, one of `PIXELS`: "pixels" (0..255, the default), "unit" (0..1), "symmetric"
            (-1..1) or "standard" ((pixels / 255 - mean) / std). The others are wrapped: input, Rescaling, network.
        mean, std: of the data in units of 0..1, for "standard".
        from_logits: what is said of its output; it matters for a network of one unit, which becomes one of two classes.

    Returns:
        `model`, or a functional model around it.

    Raises:
        UserError: the network is not one for this data.
    """
    from keras_kd.models.finite import refuse_lost_weights
    from keras_kd.models.wrappers.two_classes import two_classes

    refuse_lost_weights(name, model)
    pixels = pixels or "pixels"
    if pixels not in PIXELS:
        raise UserError(f"{name}: pixels: found {pixels!r}; expected {', '.join(PIXELS)}")
    if pixels == "standard" and (mean is None or std is None):
        raise UserError(f"{name}: pixels: found 'standard' without the mean and std of the data; expected both")

    image_shape = tuple(image_shape)
    takes = _of_one_image(model, "input_shape")
    shown = in_channels_of(takes, image_shape)
    if not _compatible(takes, shown):
        raise UserError(
            f"{name}: takes images of {takes} and would be shown {image_shape}; take a network for these images, give "
            "the images another size, or a teacher the input_size that it takes"
        )
    gives = _of_one_image(model, "output_shape")
    if takes != image_shape or gives is None or pixels != "pixels":
        model = _wrapped(name, model, image_shape, pixels, mean, std)
        gives = _of_one_image(model, "output_shape")
    if gives == (1,) and classes == 2:
        model = two_classes(name, model, from_logits)
        print_note_once(f"{name}: has one unit and is taken as one of two classes: the unit is about the second")
        gives = _of_one_image(model, "output_shape")
    if not _compatible(gives, (classes,)):
        raise UserError(
            f"{name}: gives outputs of {gives}, the data has {classes} classes, so ({classes},) is expected; "
            "take a network for this data"
        )
    return model


def in_channels_of(takes, image_shape):
    """The shape of images once grey ones are shown to a network of colours, or colours to one of grey.

    Example:
        >>> in_channels_of((32, 32, 3), (32, 32, 1)), in_channels_of((32, 32, 3), (32, 32, 4))
        ((32, 32, 3), (32, 32, 4))
    """
    fits = isinstance(takes, tuple) and len(takes) == len(image_shape) == 3 and {takes[2], image_shape[2]} == {1, 3}
    return (*image_shape[:2], takes[2]) if fits else image_shape


def _in_channels(name, image, takes):
    """Grey images three times over, or colours as the grey that they are seen as (ITU-R BT.601, as Pillow has it)."""
    wanted = in_channels_of(takes, tuple(image.shape[1:]))[-1]
    if wanted == image.shape[-1]:
        return image
    if wanted == 3:
        print_note_once(f"{name}: takes colours, and is shown the grey images in three equal channels")
        return keras.layers.Concatenate(name="three_channels")([image, image, image])
    print_note_once(f"{name}: takes grey images, and is shown the colours as grey (0.299 R + 0.587 G + 0.114 B)")
    return sum(share * image[..., place : place + 1] for place, share in enumerate((0.299, 0.587, 0.114)))


def _of_one_output(name, model, output):
    """A network cut down to one of its outputs; itself where it has one, or cannot tell (a subclassed model)."""
    from keras_kd.models.foreign.answering import chosen_output

    if isinstance(model, keras.Sequential):
        return model
    given = model.output if getattr(model, "outputs", None) else None
    if isinstance(given, dict):
        outputs = given
    else:
        outputs = {made_by(one).operation.name: one for one in getattr(model, "outputs", None) or ()}
    if output is None and len(outputs) < 2:
        return model
    chosen = chosen_output(name, output, {one: tuple(tensor.shape[1:]) for one, tensor in outputs.items()})
    return keras.Model(model.inputs[0] if len(model.inputs) == 1 else model.inputs, outputs[chosen], name=model.name)


def _wrapped(name, model, image_shape, pixels, mean, std):
    image = image_input(image_shape)
    x = _in_channels(name, image, _of_one_image(model, "input_shape"))
    if pixels == "unit":
        x = normalize(x)
    elif pixels == "symmetric":
        x = normalize(x, 0.5, 0.5)
    elif pixels == "standard":
        x = normalize(x, mean, std)
    try:
        return keras.Model(image, model(x), name=f"{model.name}_on_pixels")
    except Exception as error:
        raise UserError(f"{name}: cannot take images of {image_shape}: {described(error)}") from error


def _of_one_image(model, attribute):
    """A model's input or output shape without the batch, a structure of shapes where it has several, or None where
    it cannot tell (a subclassed model)."""
    shape = getattr(model, attribute, None)
    return shape[1:] if isinstance(shape, tuple) and not any(isinstance(s, tuple) for s in shape) else shape


def _compatible(found, expected):
    """Whether a shape can be the expected one, as far as it is known."""
    if found is None:
        return True
    if not isinstance(found, tuple) or len(found) != len(expected):
        return False
    return all(size in (None, other) for size, other in zip(found, expected, strict=True))
