"""The schema of a recipe, and reading one: every error at once, each with its file and line."""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from keras_kd import data, models
from keras_kd.data.views import VIEWS
from keras_kd.errors import UserError
from keras_kd.export import FORMATS, GATES
from keras_kd.methods import METHODS

ABOVE_ZERO = {"gt": 0, "allow_inf_nan": False}
NOT_NEGATIVE = {"ge": 0, "allow_inf_nan": False}
FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


# Where a text alone is short for a part with this one field.
SHORT = {("data",): "name", ("teacher",): "model", ("student",): "model"}


class Part(BaseModel):
    """A part of a recipe: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def _no_bool(value):
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]
Whole = Annotated[int, BeforeValidator(_no_bool)]


class DataSpec(Part):
    """Which images, and how they are augmented."""

    name: str = Field(
        description="`digits`, a TFDS name (`cifar100`), a folder of images, an `.npz` file, `package.module:function`"
    )
    views: Literal[tuple(VIEWS)] = Field("none", description="augmentation of the training images")
    data_dir: str | None = Field(None, description="where TFDS keeps its data")
    image_size: Whole | tuple[Whole, Whole] | None = Field(
        None, description="height and width (one number: both) to which a folder's images are resized"
    )
    train_images: Whole | None = Field(None, gt=0, description="use only so many training images, class-balanced")
    test_images: Whole | None = Field(None, gt=0, description="use only so many test images, class-balanced")
    validation: Number = Field(
        0.0, **NOT_NEGATIVE, description="fraction (below 1) or number of training images set aside for validation"
    )
    test_fraction: Number | None = Field(
        None, gt=0, lt=1, description="share of the images tested on, where the data has no test split"
    )
    mean: tuple[Number, ...] | None = Field(None, description="per channel, of pixels / 255; computed if not given")
    std: tuple[Annotated[Number, Field(**ABOVE_ZERO)], ...] | None = Field(None, description="as `mean`")
    seed: Whole = Field(0, ge=0, description="decides what `validation`, `train_images`, `test_fraction` choose")


class ModelSpec(Part):
    """A network. A text alone is short for `{model: text}`."""

    model: str = Field(
        description="a name of `keras-kd list models`, a recipe (`x.yaml`; its student, trained first if missing), a "
        "`.keras` file, a `keras.applications` name, or `package.module:function`"
    )
    from_logits: bool = Field(True, description="whether it gives logits; false for probabilities; it is checked")
    pixels: Literal["pixels", "unit", "symmetric", "standard"] = Field(
        "pixels",
        description="what a file or function of your own takes: pixels 0..255, unit 0..1, symmetric -1..1, "
        "standard (pixels / 255 - mean) / std",
    )
    weights: Literal["imagenet"] | None = Field(None, description="pretrained weights of a `keras.applications` model")
    arguments: dict[str, object] = Field({}, description="passed on to the function that builds the model")


class TermSpec(Part):
    """One method of `keras-kd list methods`, its weight, and its own settings beside them."""

    method: str = Field(description="a name of `keras-kd list methods`")
    weight: Number | None = Field(None, **NOT_NEGATIVE, description="weight of the term; the published one by default")
    settings: dict[str, object] = Field({}, exclude=True)


class FitSpec(Part):
    """How the student is trained."""

    epochs: Whole = Field(gt=0, description="passes over the training images")
    batch_size: Whole = Field(64, gt=0, description="images a step")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="sgd couples `l2` as PyTorch does")
    learning_rate: Number = Field(0.05, **ABOVE_ZERO, description="at the start, after the warm-up")
    momentum: Number = Field(0.9, ge=0, lt=1, description="of sgd")
    nesterov: bool = Field(False, description="of sgd")
    drops: tuple[Annotated[Whole, Field(gt=0)], ...] = Field(
        (), description="after these epochs the rate is multiplied by `drop_factor`"
    )
    drop_factor: Number = Field(0.1, gt=0, le=1, description="see `drops`")
    decay: Literal["constant", "cosine"] = Field("constant", description="cosine: falls to zero over the epochs")
    warmup_epochs: Whole = Field(0, ge=0, description="the rate rises linearly over the first epochs")
    l2: Number = Field(0.0, **NOT_NEGATIVE, description="sgd's coupled weight decay, on every variable; 5e-4 in papers")
    weight_decay: Number = Field(0.0, **NOT_NEGATIVE, description="adamw's decoupled weight decay")
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="of the networks; losses are always float32"
    )
    deterministic: bool = Field(False, description="bit-equal results from equal seeds; slower on a GPU")
    steps_per_execution: Whole = Field(1, gt=0, description="steps in one compiled call")
    jit_compile: Literal["auto"] | bool = Field("auto", description="XLA; auto: where it pays")


class GateSpec(Part):
    """What an exported file may differ from the Keras model; see `keras-kd export --help`."""

    images: Whole = Field(GATES["images"], gt=0, description="test images that each file is run on")
    float32_max_difference: Number = Field(
        GATES["float32_max_difference"], **NOT_NEGATIVE, description="of logits, relative to the largest if above 1"
    )
    float32_agreement: Number = Field(GATES["float32_agreement"], ge=0, le=1, description="least top-1 agreement")
    int8_accuracy_drop: Number = Field(GATES["int8_accuracy_drop"], ge=0, le=1, description="most accuracy lost")
    int8_agreement: Number = Field(GATES["int8_agreement"], ge=0, le=1, description="least top-1 agreement")


class ExportSpec(Part):
    """Which files are handed over."""

    formats: tuple[Literal[FORMATS], ...] = Field(FORMATS, description="an empty list exports nothing")
    calibration_images: Whole = Field(256, gt=0, description="training images that set the int8 ranges")
    gates: GateSpec = Field(GateSpec(), description="parity gates")


def _short_model(value):
    return {"model": value} if isinstance(value, str) else value


def _short_data(value):
    return {"name": value} if isinstance(value, str) else value


Network = Annotated[ModelSpec, BeforeValidator(_short_model)]


class Recipe(Part):
    """A teacher, a student, a method and how they meet: one claim, in one file."""

    data: Annotated[DataSpec, BeforeValidator(_short_data)] = Field(
        description="the images, such as data: {name: cifar100, views: crop_flip}; a text alone is the name"
    )
    teacher: Network | None = Field(None, description="null trains the student on labels alone")
    student: Network = Field(description="the network to train, such as student: resnet20")
    label_weight: Number = Field(1.0, **NOT_NEGATIVE, description="weight of the label loss")
    terms: tuple[TermSpec, ...] = Field((), description="what the student learns from the teacher; a list")
    fit: FitSpec = Field(description="how it is trained, such as fit: {epochs: 240}")
    export: ExportSpec = Field(ExportSpec(), description="what is handed over")
    seed: Whole = Field(0, ge=0, lt=2**31, description="decides initial weights, order, views, dropout")

    def dump(self, folder=None):
        """The resolved recipe as plain data; with `folder`, paths relative to it."""
        plain = self.model_dump(mode="json")
        for raw, term in zip(plain["terms"], self.terms, strict=True):
            raw.update(term.settings)
        if folder is not None:
            for place, field in (("data", "name"), ("teacher", "model"), ("student", "model")):
                if plain[place] and os.path.isabs(plain[place][field]):
                    plain[place][field] = os.path.relpath(plain[place][field], folder)
                    if not plain[place][field].startswith("."):
                        plain[place][field] = f"./{plain[place][field]}"
        return plain


def load(path, settings=(), smoke=False, notes=None):
    """Reads a recipe.

    Args:
        path: a file; or the name of one that `keras-kd list recipes` shows.
        settings: overrides "dotted.path=value", applied in order: "fit.epochs=3", "terms.0.temperature=8".
        smoke: shrinks it so that it runs in well under a minute, to see that everything works.
        notes: a list to which images and models that are not there yet are added, instead of being errors.

    Returns:
        A frozen `Recipe`, all defaults filled, all paths absolute.

    Raises:
        UserError: every error of the file at once, a line each: "file:line: field: what is wrong; cure".

    Example:
        >>> load("digits", ["fit.epochs=3"]).fit.epochs
        3
    """
    path = find(path)
    raw, lines = _read(path)
    shown = _shown(path)
    changed = {}
    if smoke:
        _shrink(raw)
    for setting in settings:
        changed[_override(raw, setting)] = setting
    recipe, errors = _validate(raw, path)
    absent = _absent(raw, path)

    def in_words(found):
        placed = sorted((_line(lines, where), where, message) for where, message in found)
        texts = []
        for line, where, message in placed:
            setting = next((changed[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in changed), None)
            at = f"--set {setting}" if setting else f"{shown}:{line}"
            texts.append(f"{at}: {_dotted(where)}: {message}")
        return texts

    if notes is not None:
        notes.extend(in_words(absent))
    else:
        errors = errors + absent
    if errors:
        raise UserError("\n".join(in_words(errors)))
    return _resolve(recipe, path)


def places():
    """The folders in which recipes are looked for by name: here, beside the package, in the installation."""
    return [
        Path("recipes"),
        Path(__file__).parent.parent / "recipes",
        Path(sys.prefix) / "share" / "keras_kd" / "recipes",
    ]


def known():
    """{name: path} of the recipes found in `places`."""
    found = {}
    for folder in places():
        for path in sorted(folder.rglob("*.yaml")):
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return found


def find(path):
    """The file of a recipe given by its path or its name."""
    path = Path(path)
    if path.is_file():
        return path.absolute()
    recipes = known()
    name = path.with_suffix("").as_posix() if path.suffix in ("", ".yaml", ".yml") else str(path)
    for candidate in (name, name.removeprefix("recipes/")):
        if candidate in recipes:
            return recipes[candidate].absolute()
    if path.is_dir():
        raise UserError(f"{path}: a folder; expected a recipe file (.yaml)")
    hint = did_you_mean(path.stem, recipes) or "; `keras-kd list recipes` names all"
    raise UserError(f"{path}: no such recipe{hint}")


def headline(path):
    """The first comment line of a recipe."""
    with open(path, encoding="utf-8") as file:
        first = file.readline().strip()
    return first.removeprefix("#").split("  ")[0].strip() if first.startswith("#") else ""


def did_you_mean(word, words):
    """ "; did you mean 'x'?" for the closest of some words, or ""."""
    lowered = {one.lower(): one for one in map(str, words)}
    close = difflib.get_close_matches(str(word).lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""


class _Loader(yaml.SafeLoader):
    """YAML with numbers such as 5e-4, which YAML 1.1 takes for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def _read(path):
    """(plain data, {path of keys: line}) of a YAML file."""
    shown = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{shown}: not a text file; expected a recipe in YAML (UTF-8)") from None
    except OSError as error:
        raise UserError(f"{shown}: cannot be read: {error.strerror}") from None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        raw = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{shown}:{line}: not valid YAML: {error.problem}; check indentation and brackets") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{shown}: not valid YAML: {str(error).splitlines()[0]}") from None
    if raw is None:
        raise UserError(
            f"{shown}:1: empty; expected data, student and fit: `keras-kd new NAME` writes a recipe to edit"
        )
    if not isinstance(raw, dict):
        raise UserError(f"{shown}:1: expected fields such as 'data:' and 'student:', got {_kind(raw)}")
    lines, twice = {}, []
    _walk(node, (), lines, twice)
    if twice:
        raise UserError("\n".join(f"{shown}:{line}: {_dotted(where)}: given twice; keep one" for line, where in twice))
    return raw, lines


def _walk(node, where, lines, twice):
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            here = (*where, key.value)
            if here in seen:
                twice.append((key.start_mark.line + 1, here))
            seen.add(here)
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, twice)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*where, str(number))] = value.start_mark.line + 1
            _walk(value, (*where, str(number)), lines, twice)


def _override(raw, setting):
    """Applies "dotted.path=value" to plain data; returns the path."""
    name, equals, text = setting.partition("=")
    keys = tuple(name.strip().split("."))
    if not equals or not all(keys):
        raise UserError(f"--set {setting}: expected dotted.path=value, such as fit.epochs=3")
    try:
        value = _Loader(text).get_single_data()
    except yaml.YAMLError:
        raise UserError(f"--set {setting}: {text!r} is not a valid YAML value") from None
    holder = raw
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(holder, list):
            if not key.isdigit() or int(key) > len(holder) - (0 if last else 1):
                raise UserError(
                    f"--set {setting}: {'.'.join(keys[:depth])} is a list of {len(holder)}; "
                    f"expected a number below {len(holder)} in place of {key!r}"
                )
            if last and int(key) == len(holder):
                holder.append(value)
            elif last:
                holder[int(key)] = value
            else:
                holder = holder[int(key)]
            continue
        if last:
            holder[key] = value
            continue
        inner = holder.get(key)
        if inner is None:
            inner = holder[key] = {}
        elif isinstance(inner, str) and keys[: depth + 1] in SHORT:
            inner = holder[key] = {SHORT[keys[: depth + 1]]: inner}
        elif not isinstance(inner, dict | list):
            raise UserError(f"--set {setting}: {'.'.join(keys[: depth + 1])} is {inner!r} and has no fields")
        holder = inner
    return keys


def _shrink(raw):
    """Makes plain data small: one epoch on few images; the int8 gates open, as such a student has no margin."""
    small = {
        "data": {"train_images": 64, "test_images": 64},
        "fit": {"epochs": 1, "warmup_epochs": 0, "drops": [], "batch_size": 32},
        "export": {"calibration_images": 32},
    }
    for part, fields in small.items():
        if raw.get(part) is None:
            raw[part] = {}
        if isinstance(raw[part], str) and (part,) in SHORT:
            raw[part] = {SHORT[(part,)]: raw[part]}
        if isinstance(raw[part], dict):
            for field, value in fields.items():
                given = raw[part].get(field)
                smaller = isinstance(given, int) and isinstance(value, int) and given < value
                raw[part][field] = given if smaller else value
    if isinstance(raw["export"], dict):
        gates = raw["export"].setdefault("gates", {})
        if isinstance(gates, dict):
            gates.update(images=64, int8_accuracy_drop=1.0, int8_agreement=0.0)
    if isinstance(raw["data"], dict) and isinstance(raw["data"].get("validation"), int):
        raw["data"]["validation"] = min(raw["data"]["validation"], 64)


def _validate(raw, path):
    """(Recipe, []) or (None, [(path of keys, message)])."""
    errors, raw = [], dict(raw)
    terms = raw.get("terms")
    if isinstance(terms, list):
        raw["terms"] = [_term(one, ("terms", str(number)), errors) for number, one in enumerate(terms)]
        if None in raw["terms"]:
            del raw["terms"]
    recipe = None
    try:
        recipe = Recipe(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        errors.extend(_explain(Recipe, error, ()))
    errors.extend(_meaning(raw, recipe if not errors else None, path))
    return recipe, errors


def _term(raw, where, errors):
    """A TermSpec of plain data, or None with the errors noted."""
    if isinstance(raw, str):
        raw = {"method": raw}
    if not isinstance(raw, dict):
        errors.append((where, f"expected a method with its settings, such as {{method: kd}}, got {_kind(raw)}"))
        return None
    before = len(errors)
    name = raw.get("method")
    if "method" not in raw:
        errors.append((where, "method is required; `keras-kd list methods` names all"))
    elif not isinstance(name, str) or name not in METHODS:
        errors.append((where, f"no method {name!r}{did_you_mean(name, METHODS)}; `keras-kd list methods` names all"))
    settings = {str(key): value for key, value in raw.items() if key not in ("method", "weight")}
    spec = None
    try:
        TermSpec(method=str(name), weight=raw.get("weight"))
    except ValidationError as error:
        errors.extend(_explain(TermSpec, error, where))
    if isinstance(name, str) and name in METHODS and len(errors) == before:
        try:
            method = METHODS[name](**settings)
            weight = method.default_weight if raw.get("weight") is None else raw["weight"]
            spec = TermSpec(method=name, weight=weight, settings=method.model_dump(mode="json"))
        except ValidationError as error:
            errors.extend(_explain(METHODS[name], error, where, owner=name, beside=("method", "weight")))
    return spec if len(errors) == before else None


def _explain(model, error, where, owner=None, beside=()):
    """Pydantic's errors in our words: [(path of keys, message)]."""
    explained, meant = {}, set()
    for one in error.errors():
        keys = tuple(str(key) for key in one["loc"])
        fields = _fields_at(model, keys[:-1])
        # Pydantic names the members of a union in the path; the reader wrote the field alone.
        shown = tuple(key for key in keys if not re.fullmatch(r"int|float|str|bool|.*\[.*", key))
        if one["type"] == "extra_forbidden":
            names = [*fields, *beside]
            hint = did_you_mean(keys[-1], names) or f"; its fields: {', '.join(names)}"
            meant.update((*shown[:-1], name) for name in names if f"{name!r}?" in hint)
            holder = owner if owner and len(keys) == 1 else ".".join(shown[:-1]) or "a recipe"
            message = f"no such field for {holder}{hint}"
        elif one["type"] == "missing":
            message = f"is required: {fields[keys[-1]].description}"
        else:
            message = _expectation(one)
        explained.setdefault((*where, *shown), []).append(message)
    for keys in meant:
        explained.pop((*where, *keys), None)
    return [(keys, " or ".join(dict.fromkeys(messages))) for keys, messages in explained.items()]


def _expectation(error):
    """One of pydantic's errors: what was found, what was expected."""
    got, context = error["input"], error.get("ctx", {})
    found = f"is {_kind(got)}; expected"
    match error["type"]:
        case "literal_error":
            options = re.findall(r"'([^']*)'", context["expected"])
            return f"{found} {_options(options)}{did_you_mean(got, options)}"
        case "greater_than":
            return f"{found} more than {context['gt']:g}"
        case "greater_than_equal":
            return f"{found} {context['ge']:g} or more"
        case "less_than":
            return f"{found} less than {context['lt']:g}"
        case "less_than_equal":
            return f"{found} {context['le']:g} or less"
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return f"{found} a whole number"
        case "float_parsing" | "float_type":
            return f"{found} a number"
        case "finite_number":
            return f"{found} a finite number"
        case "bool_parsing" | "bool_type":
            return f"{found} true or false"
        case "string_type":
            return f"{found} text"
        case "tuple_type" | "list_type":
            return f"{found} a list: [...]"
        case "too_short" | "too_long":
            return f"{found} a list of another length"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{found} fields: {{name: value, ...}}"
        case "value_error":
            return f"{found} {error['msg'].removeprefix('Value error, ')}"
    return f"is {_kind(got)}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _fields_at(model, keys):
    """The fields of the part of a recipe that a path of keys leads to."""
    for key in keys:
        field = model.model_fields.get(key)
        if field is None:
            continue
        parts = [field.annotation, *getattr(field.annotation, "__args__", ())]
        parts += [inner for part in parts for inner in getattr(part, "__args__", ())]
        model = next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), model)
    return model.model_fields


def _meaning(raw, recipe, path):
    """What the types do not say: [(path of keys, message)]."""
    errors = []
    for role in ("teacher", "student"):
        given = _short_model(raw.get(role))
        if isinstance(given, dict) and isinstance(given.get("model"), str):
            errors.extend(_model_errors(role, given["model"], path))
    given = _short_data(raw.get("data"))
    if isinstance(given, dict) and data.kind(str(given.get("name"))) == "function":
        if not re.fullmatch(FUNCTION, given["name"]):
            errors.append((("data", "name"), f"{given['name']!r} is no function; expected package.module:function"))
    if recipe is None:
        return errors
    data_spec, fit = recipe.data, recipe.fit
    if recipe.teacher is None and recipe.terms:
        errors.append((("terms",), "there is no teacher; give one, or drop the terms"))
    if recipe.teacher is not None and not any(term.weight for term in recipe.terms):
        errors.append((("teacher",), "no term with a weight above 0 uses it; add terms: [{method: kd}], or drop it"))
    if not recipe.label_weight and not any(term.weight for term in recipe.terms):
        errors.append((("label_weight",), "is 0 and no term has a weight above 0: nothing to learn from"))
    if data_spec.validation >= 1 and data_spec.validation != int(data_spec.validation):
        errors.append(
            (("data", "validation"), f"is {data_spec.validation}; expected a fraction below 1 or a whole number")
        )
    size = data_spec.image_size
    if size is not None and min(size if isinstance(size, tuple) else (size,)) < 1:
        errors.append((("data", "image_size"), f"is {data_spec.image_size}; expected 1 or more pixels"))
    if (data_spec.mean is None) != (data_spec.std is None):
        errors.append((("data", "mean" if data_spec.mean else "std"), "mean and std go together; give both or neither"))
    if fit.l2 and fit.optimizer != "sgd":
        errors.append((("fit", "l2"), f"only sgd couples it; with {fit.optimizer} use weight_decay (adamw)"))
    if fit.weight_decay and fit.optimizer != "adamw":
        errors.append((("fit", "weight_decay"), f"only adamw decouples it; with {fit.optimizer} use l2 (sgd)"))
    if list(fit.drops) != sorted(set(fit.drops)):
        errors.append((("fit", "drops"), f"is {list(fit.drops)}; expected rising epochs"))
    if fit.drops and fit.drops[-1] >= fit.epochs:
        errors.append(
            (("fit", "drops"), f"the last drop is after epoch {fit.drops[-1]}, training ends at {fit.epochs}")
        )
    if fit.drops and fit.decay == "cosine":
        errors.append((("fit", "decay"), "cosine and drops exclude each other; keep one"))
    if fit.warmup_epochs >= fit.epochs and fit.warmup_epochs:
        errors.append((("fit", "warmup_epochs"), f"is {fit.warmup_epochs}; training has only {fit.epochs} epochs"))
    for role in ("teacher", "student"):
        spec = getattr(recipe, role)
        if spec is not None and spec.weights and models.kind(spec.model) != "application":
            errors.append(((role, "weights"), f"only keras.applications models have them, {spec.model} is none"))
    if recipe.student.model.endswith((".yaml", ".yml")):
        errors.append((("student",), "a recipe cannot be a student; name a model, or a .keras file to go on from"))
    return errors


def _model_errors(role, name, path):
    if name.endswith((".yaml", ".yml")):
        found = _beside(name, path) or (known().get(name.rsplit(".", 1)[0]))
        if found is None:
            return [((role,), f"no recipe {name!r} beside {_shown(path)} or here{did_you_mean(name, _stems())}")]
        circle = _circle(Path(found).absolute(), path)
        return [((role,), f"{name} leads back to itself: {circle}; a teacher must come before its student")] * bool(
            circle
        )
    kind = models.kind(name)
    if kind == "function" and not re.fullmatch(FUNCTION, name):
        return [((role,), f"{name!r} is no function; expected package.module:function")]
    if kind is None:
        names = [*models.MODELS, *models.APPLICATIONS]
        return [((role,), f"no model {name!r}{did_you_mean(name, names)}; `keras-kd list models` names all")]
    return []


def _circle(found, path):
    """The circle of teachers "a.yaml, b.yaml, a.yaml" that a teacher's recipe leads into, or ""."""
    seen = [path]
    while found is not None and found not in seen:
        seen.append(found)
        teacher = _short_model(_read(found)[0].get("teacher"))
        name = teacher.get("model") if isinstance(teacher, dict) else None
        if not isinstance(name, str) or not name.endswith((".yaml", ".yml")):
            return ""
        next_one = _beside(name, found)
        found = next_one.absolute() if next_one else None
    return ", ".join(_shown(one) for one in [*seen, found]) if found else ""


def _absent(raw, path):
    """Images and models that are named but not there: [(path of keys, message)]."""
    absent = []
    for role in ("teacher", "student"):
        given = _short_model(raw.get(role))
        name = given.get("model") if isinstance(given, dict) else None
        if isinstance(name, str) and models.kind(name) == "file" and _beside(name, path) is None:
            absent.append(((role,), f"no file {name!r} beside {_shown(path)} or here; give the path of a .keras file"))
    given = _short_data(raw.get("data"))
    name = given.get("name") if isinstance(given, dict) else None
    kind = data.kind(name) if isinstance(name, str) and name else None
    if kind in ("folder", "npz") and _beside(name, path) is None:
        what = "folder" if kind == "folder" else "file"
        absent.append((("data", "name"), f"no {what} {name!r} beside {_shown(path)} or here; give its path"))
    return absent


def _resolve(recipe, path):
    """The recipe with absolute paths."""

    def absolute(spec, field, is_path):
        value = getattr(spec, field)
        found = _beside(value, path) or (known().get(value.rsplit(".", 1)[0]) if value.endswith(".yaml") else None)
        return spec.model_copy(update={field: str(Path(found).absolute())}) if is_path and found else spec

    changed = {"data": absolute(recipe.data, "name", data.kind(recipe.data.name) in ("folder", "npz"))}
    if recipe.data.data_dir:
        changed["data"] = changed["data"].model_copy(update={"data_dir": os.path.expanduser(recipe.data.data_dir)})
    for role in ("teacher", "student"):
        spec = getattr(recipe, role)
        if spec is not None:
            changed[role] = absolute(spec, "model", spec.model.endswith((".yaml", ".yml", ".keras")))
    return recipe.model_copy(update=changed)


def _beside(name, path):
    """The file or folder of that name beside a recipe, or else here; None if there is none."""
    name = os.path.expanduser(name)
    for base in (path.parent, Path.cwd()):
        candidate = Path(os.path.normpath(base / name))
        if candidate.exists():
            return candidate
    return None


def _stems():
    return [f"{name}.yaml" for name in known()]


def _shown(path):
    """A path as short as it can be written from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _line(lines, where):
    """The line of a field, or of the nearest part around it that is there."""
    return next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)


def _dotted(where):
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(where)) or "recipe"


def _options(options):
    return options[0] if len(options) == 1 else f"one of {', '.join(options)}"


def _kind(value):
    """A value as an error shows it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else repr(value)
