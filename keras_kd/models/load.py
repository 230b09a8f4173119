"""Networks of the user's own: a saved `.keras` file, or a function that builds one."""

import importlib
import inspect
import re
import sys
from contextlib import contextmanager
from pathlib import Path

from keras_kd.errors import UserError
from keras_kd.lazy import keras
from keras_kd.models.arguments import check_arguments
from keras_kd.models.pixels import image_input, normalize

PIXELS = ("pixels", "unit", "symmetric", "standard")


def from_file(path, image_shape, classes, *, pixels=None, mean=None, std=None):
    """A network saved by `model.save("x.keras")`, taking pixels 0..255.

    Args:
        path: a `.keras` file. Code in it (Lambda layers) is not run; classes of the user's own must be registered
            with Keras, in a module that can be imported from the current folder.
        image_shape, classes: of the data; a None dimension of the network fits any.
        pixels: what the network expects, one of `PIXELS`: "pixels" (0..255, the default), "unit" (0..1), "symmetric"
            (-1..1) or "standard" ((pixels / 255 - mean) / std). The others are wrapped: input, Rescaling, network.
        mean, std: of the data in units of 0..1, for "standard".

    Returns:
        A `keras.Model` on images of exactly `image_shape`. The layers of a wrapped network are tapped by path:
        "<network>/<layer>".

    Raises:
        UserError: the file cannot be loaded, or the network is not one for this data.

    Example:
        >>> from_file("saved_models/resnet56/student.keras", (32, 32, 3), 100)  # doctest: +SKIP
        <Functional name=resnet56, built=True>
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise UserError(f"{path}: no such file; expected a network saved by model.save('{file.name}')")
    try:
        with current_folder_importable():
            model = keras.saving.load_model(file, compile=False)
    except Exception as error:
        raise UserError(f"{path}: {_load_failure(error)}") from error
    return fitted(str(path), model, image_shape, classes, pixels=pixels, mean=mean, std=std)


def from_function(name, image_shape, classes, *, arguments=None, pixels=None, mean=None, std=None):
    """The network that a function of the user builds: `function(image_shape, classes, **arguments)`.

    Args:
        name: "package.module:function"; the module may lie in the current folder.
        image_shape, classes, pixels, mean, std: as in `from_file`.
        arguments: a dict of keyword arguments for the function.

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
    with current_folder_importable():
        try:
            function = getattr(importlib.import_module(module_name), function_name, None)
        except ModuleNotFoundError as error:
            cure = "run from the folder that holds it, or install it"
            raise UserError(f"{name}: no module {error.name!r} can be imported; {cure}") from error
        except Exception as error:
            raise UserError(f"{name}: importing {module_name!r} fails with {_named(error)}") from error
        if not callable(function):
            raise UserError(f"{name}: found no function {function_name!r} in {module_name!r}; expected one")
        check_arguments(name, function, arguments, list(inspect.signature(function).parameters)[:2])
        try:
            model = function(tuple(image_shape), classes, **(arguments or {}))
        except Exception as error:
            raise UserError(f"{name}: the call (image_shape, classes, ...) fails with {_named(error)}") from error
    if not isinstance(model, keras.Model):
        raise UserError(f"{name}: found a {type(model).__name__} returned; expected a keras.Model")
    if not model.built:
        raise UserError(f"{name}: found a model without weights; expected a built one; begin it with keras.Input")
    return fitted(name, model, image_shape, classes, pixels=pixels, mean=mean, std=std)


def fitted(name, model, image_shape, classes, *, pixels=None, mean=None, std=None):
    """A network as one from pixels 0..255 of the data's images, wrapped if need be; see `from_file`.

    Args:
        name: for errors.
        model: a built `keras.Model`.
        image_shape, classes, pixels, mean, std: as in `from_file`.

    Returns:
        `model`, or a functional model around it.

    Raises:
        UserError: the network is not one for this data.
    """
    pixels = pixels or "pixels"
    if pixels not in PIXELS:
        raise UserError(f"{name}: pixels: found {pixels!r}; expected {', '.join(PIXELS)}")
    if pixels == "standard" and (mean is None or std is None):
        raise UserError(f"{name}: pixels: found 'standard' without the mean and std of the data; expected both")

    image_shape = tuple(image_shape)
    takes = _shape(model, "input_shape")
    if takes is not None and not _compatible(takes[1:], image_shape):
        raise UserError(
            f"{name}: takes images of {_text(takes[1:])}, the data gives {image_shape}; "
            "take a network for this data, or give the images another size"
        )
    gives = _shape(model, "output_shape")
    if takes is None or gives is None or None in takes[1:] or pixels != "pixels":
        model = _wrapped(name, model, image_shape, pixels, mean, std)
        gives = model.output_shape
    if not _is_shape(gives) or not _compatible(gives[1:], (classes,)):
        raise UserError(
            f"{name}: gives outputs of {_text(gives[1:] if _is_shape(gives) else gives)}, the data has {classes} classes: "
            f"({classes},); take a network for this data"
        )
    return model


def _wrapped(name, model, image_shape, pixels, mean, std):
    image = image_input(image_shape)
    if pixels == "unit":
        x = normalize(image)
    elif pixels == "symmetric":
        x = normalize(image, 0.5, 0.5)
    elif pixels == "standard":
        x = normalize(image, mean, std)
    else:
        x = image
    try:
        return keras.Model(image, model(x), name=f"{model.name}_on_pixels")
    except Exception as error:
        raise UserError(f"{name}: cannot take images of {image_shape}: {_named(error)}") from error


def _shape(model, attribute):
    """A model's input or output shape, or None where it cannot tell (a subclassed model)."""
    try:
        return getattr(model, attribute)
    except AttributeError:
        return None


def _is_shape(shape):
    return isinstance(shape, tuple) and all(size is None or isinstance(size, int) for size in shape)


def _compatible(found, expected):
    """Whether two shapes are alike where both are known; several inputs or outputs (no plain shape) never are."""
    if not _is_shape(found):
        return False
    return len(found) == len(expected) and all(a is None or a == b for a, b in zip(found, expected, strict=True))


def _text(shape):
    return str(tuple(shape)) if _is_shape(shape) else f"several shapes {shape}"


@contextmanager
def current_folder_importable():
    """Modules of the current folder can be imported, as under `python -m`."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _named(error):
    """An error of foreign code on one line of bearable length."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}{'...' if len(text) > 300 else ''}"


def _load_failure(error):
    missing = re.search(r"Could not (?:locate|deserialize) (?:class|function) '([^']+)'", str(error))
    if missing:
        return (
            f"holds {missing[1]!r}, which this Python does not know; register it with "
            "@keras.saving.register_keras_serializable() and give the network as package.module:function instead"
        )
    if "lambda" in str(error).lower():
        return "holds Python code (a Lambda layer), which is not run from a file; replace it by a layer of its own"
    return f"found no readable Keras 3 model (.keras); {_named(error)}; save it again with model.save"
