"""What can be found out of a model and of images: what it takes and gives, whose classes are whose, how good it is."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_kd import data as data_room
from keras_kd.data.describe import describe
from keras_kd.data.sources import kind
from keras_kd.models.graph import is_graph
from keras_kd.models.pruning.channels import refuse_graph
from keras_kd.models.saved import load_saved
from keras_kd.recipe.schema import Recipe
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import listed, percent, plural
from keras_kd.utils.paths import absolute
from keras_kd.utils.steps import step
from keras_kd.workflows.compress.class_names import beside, mismatch, order_by_names, read_names
from keras_kd.workflows.compress.kept_views import views_for
from keras_kd.workflows.compress.pixels import CANNOT_TELL, settings_by_statistics
from keras_kd.workflows.compress.unlabelled import images_alone, read_images, write_labelled
from keras_kd.workflows.doctor.case import Case
from keras_kd.workflows.doctor.measures import skill
from keras_kd.workflows.doctor.preprocessing import reading
from keras_kd.workflows.doctor.start import StartChecks, images_looked_at

# A model is poor that comes so far from chance to perfect, on images of what it was trained for.
POOR = 0.2
# Right on so much less is as right, where the statistics of a model say which pixels it takes.
AS_RIGHT = 0.02
PIXELS_IN_WORDS = {"pixels": "0..255", "unit": "0..1", "symmetric": "-1..1", "standard": "standardised"}


class Given(NamedTuple):
    """What a person gives.

    Args:
        model: the file of a Keras model.
        data: as a recipe names it.
        labels: a file of the model's class names, or None.
        image_size: of a model that leaves it open, or None.
        pixels: that the model takes, where it cannot be told, or None.
        despite: checks that are passed over.
        modules: of their own.
    """

    model: str
    data: str
    labels: str | None = None
    image_size: int | None = None
    pixels: str | None = None
    despite: tuple = ()
    modules: tuple = ()


class Found(NamedTuple):
    """What was found out.

    Args:
        teacher, data: fields of a recipe, paths absolute; of images without labels "name" is a file that is made.
        labelled: whether the images have labels of their own.
        case: the `Case` of the teacher on the images.
        lines: what there is to say of it.
    """

    teacher: dict
    data: dict
    labelled: bool
    case: Any
    lines: list

    @property
    def network(self):
        """The teacher as a run has it, a `Network`."""
        return self.case.members[0].network


def find_out(given, images_file):
    """Looks at a model and at images.

    Args:
        given: `Given`.
        images_file: where images without labels go, with what the teacher says of them.

    Returns:
        `Found`.

    Raises:
        UserError: what cannot be used, and what to do.
    """
    step("looking at the model and the images")
    model = readable(given.model)
    alone = images_alone(given.data)
    lines, teacher = [], {"model": str(absolute(given.model))}
    size = _size(given, model)
    if alone is None:
        data = _data(given, model, size)
        dataset = _loaded(data, given)
    else:
        classes = model.output_shape[-1]
        names = _names_of_model(given, classes, lines) or [str(one) for one in range(classes)]
        dataset, settings = _labelled_by_teacher(given, model, alone, size, names, images_file)
        data, teacher = {"name": str(images_file)}, {**teacher, **settings}
        lines.append(
            f"{plural(len(alone), 'image')} without labels: it is distilled on the teacher's word alone, and accurate "
            "means here: as the teacher says"
        )
    if alone is None:
        dataset, data = _by_names(given, model, dataset, data, lines)
        teacher["pixels"] = given.pixels or "pixels"
    case = Case(probe(teacher, data), "nowhere", dataset=dataset)
    _refuse_teacher(case, given)
    case.most = images_looked_at(case)
    teacher["from_logits"] = _gives_logits(case, model)
    if alone is None:
        teacher, data = _as_it_reads(given, model, case, teacher, data, lines)
        dataset = dataset if data.get("classes") == case.recipe.data.classes else _loaded(data, given)
    case = Case(probe(teacher, data), "nowhere", dataset=dataset)
    case.most = images_looked_at(case)
    step("checking the teacher")
    doubtful = StartChecks(given.despite).look(case, lines.append) if alone is None else []
    if alone is None:
        _refuse_poor(case, given)
    data["views"] = views_for(case)
    lines.append(_in_words(case, teacher, data, alone is None))
    return Found(teacher, data, alone is None, case, [*lines, *doubtful])


def readable(file):
    """The network of a file, which is one that can be made smaller: functional or sequential, an image in, classes out.

    Args:
        file: a `.keras` file.

    Raises:
        UserError: it is none, and what to do.
    """
    model = load_saved(file)
    if not is_graph(model):
        refuse_graph(model, str(file))
    shapes = [tuple(one.shape) for one in (*model.inputs, *model.outputs)]
    if len(model.inputs) != 1 or len(shapes[0]) != 4 or len(model.outputs) != 1 or len(shapes[1]) != 2:
        takes, gives = (listed(shapes[:cut] if cut else shapes[1:]) for cut in (len(model.inputs), 0))
        raise UserError(
            f"{file}: takes {takes} and gives {gives}; compress expects one image (batch, height, width, channels) and "
            "one tensor of classes (batch, classes); any other functional model: keras_kd.prune and keras_kd.Distiller"
        )
    return model


def probe(teacher, data):
    """A recipe with which a teacher is looked at; nothing of it is run."""
    fields = {"data": data, "teacher": teacher, "student": {"prune": {"macs": 0.5}}, "terms": [{"method": "kd"}]}
    return Recipe(**fields, fit={"epochs": 1})


def _size(given, model):
    """(height, width) of the images that a model takes, None where it leaves them open."""
    height, width = model.inputs[0].shape[1:3]
    if height is None or width is None:
        return None if given.image_size is None else (given.image_size, given.image_size)
    if given.image_size not in (None, height):
        raise UserError(
            f"--image-size: found {given.image_size}, and {given.model} takes {height} x {width}; leave it out"
        )
    return height, width


def _data(given, model, size):
    """The `data` of a recipe, but for its classes."""
    name = str(absolute(given.data)) if data_room.is_path(given.data) else given.data
    if kind(given.data) != "folder":
        about = describe(name)
        size = None if size in (None, tuple(about.image_shape[:2])) else size
    channels = model.inputs[0].shape[3]
    found = {"name": name, **({"image_size": list(size)} if size else {})}
    if kind(given.data) == "folder" and channels not in (None, 3):
        raise UserError(
            f"{given.model}: takes images of {channels} channel{'s' * (channels != 1)}, and those of a folder have 3; "
            "put a layer before it that makes grey of colours, or give an .npz file of such images"
        )
    return found


def _loaded(data, given):
    try:
        return data_room.load(**{name: value for name, value in data.items() if name != "views"})
    except UserError as error:
        fix = "give --image-size"
        raise UserError(str(error).replace("give image_size", fix)) from None


def _names_of_model(given, classes, lines):
    """The names of a model's classes, of the file that was given or lies beside it; None where there is none."""
    file = given.labels or beside(Path(given.model))
    if file is None:
        return None
    names = read_names(file)
    if len(names) == classes or (classes == 1 and len(names) == 2):
        return names
    if given.labels:
        raise UserError(
            f"{file}: found {plural(len(names), 'name')}, and {given.model} gives {plural(classes, 'class')}; "
            "expected a name for each"
        )
    lines.append(f"{file}: has {plural(len(names), 'name')} for {plural(classes, 'class')}, and is not used")
    return None


def _by_names(given, model, dataset, data, lines):
    """(dataset, data) in the order of the model's classes, where a file names them."""
    classes = model.output_shape[-1]
    if classes != dataset.classes and not (classes == 1 and dataset.classes == 2):
        raise UserError(
            f"{given.data}: has {plural(dataset.classes, 'class')}, and {given.model} gives {classes}; give images of "
            "the model's classes, each in its folder, or all in one folder without folders in it: then it is "
            "distilled on the teacher's word alone"
        )
    names = _names_of_model(given, classes, lines)
    if names is None:
        return dataset, data
    file = given.labels or beside(Path(given.model))
    order = order_by_names(dataset.class_names, names)
    if order is None:
        if given.labels:
            raise UserError(mismatch(file, dataset.class_names, names, given.data))
        lines.append(f"{file}: names other classes than {given.data}, and is not used")
        return dataset, data
    if order == list(range(len(order))):
        return dataset, data
    data = {**data, "classes": order}
    lines.append(f"the classes of {given.data} are taken in the order of {file}: {listed(names, 4)}")
    return _loaded(data, given), data


def _labelled_by_teacher(given, model, files, size, names, images_file):
    """(dataset, fields of the teacher): images whose labels are what the teacher says."""
    from keras_kd.data.values import size_of
    from keras_kd.models.network import build_unchecked, logits_of
    from keras_kd.recipe.schema_networks import MemberSpec

    if size is None:
        raise UserError(f"{given.model}: leaves the size of its images open; give --image-size")
    pixels = read_images(files, size_of(list(size)))
    order = np.random.default_rng(0).permutation(len(pixels))
    pixels, classes = pixels[order], max(model.output_shape[-1], 2)
    # Before the teacher can be asked, any labels: with them the images are data, of which mean and deviation are known.
    write_labelled(images_file, pixels, np.arange(len(pixels)) % classes, names)
    dataset = data_room.load(str(images_file))
    spec = MemberSpec(model=str(absolute(given.model)))
    settings = {"pixels": given.pixels} if given.pixels else settings_by_statistics(model, spec, dataset)
    if settings is None:
        raise UserError(f"{given.model}: {CANNOT_TELL}")
    network = build_unchecked(spec.model_copy(update=settings), dataset)
    labels = logits_of(network, pixels)[0].argmax(1)
    write_labelled(images_file, pixels, labels, names)
    return data_room.load(str(images_file)), settings


def _refuse_teacher(case, given):
    if not case.members:
        raise UserError(case.teacher_error.replace(str(absolute(given.model)), given.model))


def _refuse_poor(case, given):
    """A model that a person wants smaller is one that is good at these images."""
    right = case.teacher_accuracy(case.training)
    if skill(right, case.dataset.classes) < POOR and "teacher accuracy" not in given.despite:
        raise UserError(
            f"{given.model}: is right on {percent(right, '.1f')} of {len(case.training):,} training images of "
            f"{plural(case.dataset.classes, 'class')}, and its student would be no better; give images of what it was "
            "trained on, train it further (its batch normalisation too), or go on with --despite teacher-accuracy"
        )


def _gives_logits(case, model):
    """Whether a model gives logits, by its numbers; of one unit by what its last layer says."""
    if model.output_shape[-1] == 1:
        return getattr(getattr(model.layers[-1], "activation", None), "__name__", "") != "sigmoid"
    kind_of_output, _ = case.members[0].gives(case.training)
    return kind_of_output != "probabilities"


def _as_it_reads(given, model, case, teacher, data, lines):
    """(teacher, data) with the pixels, and in the order of classes, under which the model is right."""
    found = reading(case, case.members[0])
    if found is None:
        return teacher, data
    by_itself = None if given.pixels else settings_by_statistics(model, case.members[0].spec, case.dataset)
    if by_itself and by_itself["pixels"] != teacher["pixels"]:
        other = Case(probe({**teacher, **by_itself}, data), "nowhere", dataset=case.dataset)
        other.most = case.most
        read = reading(other, other.members[0])
        best = max(found.fit.right.mean(), found.better[1].right.mean() if found.better else 0)
        if read.fit.right.mean() >= best - AS_RIGHT:
            teacher, found = {**teacher, **by_itself}, read
    elif by_itself and found.better and found.fit.right.mean() >= found.better[1].right.mean() - AS_RIGHT:
        found.better = None
    if found.better is not None and given.pixels is None:
        scaling, _ = found.better
        if scaling.settings is None:
            raise UserError(
                f"{given.model}: was trained on other pixels, {scaling.name}; put a layer before it that turns pixels "
                "0..255 into those"
            )
        teacher = {**teacher, **scaling.settings}
    if found.permutation is not None:
        order = found.permutation["order"]
        now = data.get("classes") or list(range(len(order)))
        data = {**data, "classes": [now[order.index(one)] for one in range(len(order))]}
        names = [case.dataset.class_names[order.index(one)] for one in range(len(order))]
        lines.append(f"the model's classes come in another order than those of {given.data}: {listed(names, 6)}")
    return teacher, data


def _in_words(case, teacher, data, labelled):
    """What the model is, in a line."""
    gives = "logits" if teacher["from_logits"] else "probabilities"
    shape = " x ".join(map(str, case.dataset.image_shape))
    right = ""
    if labelled:
        shown = case.held
        right = f"; {percent(case.teacher_accuracy(shown), '.1f')} right on {len(shown):,} {shown.name} images"
    return (
        f"the model takes images of {shape}, pixels {PIXELS_IN_WORDS[teacher['pixels']]}, and gives {gives} of "
        f"{case.dataset.classes} classes{right}; augmentation that it stands: {data['views']}"
    )
