"""The papers that a recipe relies on, as BibTeX, each with what uses it."""

from pathlib import Path

from keras_kd.data.views.augmentation import Augmented
from keras_kd.data.views.mixing import Cutmix
from keras_kd.methods import METHODS
from keras_kd.methods.find import find
from keras_kd.models import kind
from keras_kd.recipe.citations import BIBTEX
from keras_kd.recipe.load import load, settings_of
from keras_kd.training.schedules import Schedule
from keras_kd.utils.paths import RECIPE, ends_in

# By the beginning of a network's name, in small letters; the first that fits.
NETWORKS = {
    "preresnet": "he2016identity",
    "resnet50v2": "he2016identity",
    "resnet101v2": "he2016identity",
    "resnet152v2": "he2016identity",
    "resnet": "he2016resnet",
    "wrn_": "zagoruyko2016wrn",
    "vgg": "simonyan2015vgg",
    "mobilenetv2": "sandler2018mobilenetv2",
    "shufflenet_v1": "zhang2018shufflenet",
    "shufflenet_v2": "ma2018shufflenetv2",
}
OURS = ("digits_",)  # networks of no paper
DATASETS = {
    "cifar10": "krizhevsky2009cifar",
    "cifar100": "krizhevsky2009cifar",
    "digits": "alpaydin1998digits",
    "fashion_mnist": "xiao2017fashion",
    "imagenet2012": "russakovsky2015imagenet",
    "imagenet_resized": "chrabaszcz2017downsampled",
    "imagenette": "howard_imagenette",
    "imagewang": "howard_imagewang",
    "mnist": "lecun1998mnist",
    "stl10": "coates2011stl",
    "svhn_cropped": "netzer2011svhn",
}
OPTIMIZERS = {"adam": ("kingma2015adam",), "adamw": ("loshchilov2019adamw",), "sgd": ()}
OPTIONS = {"standardize": "sun2024logit", "target": "tang2020understanding"}
FROM_TANG = ("pt", "sim", "pt_sim", "topk")
TEACHING = {
    "ensemble": ("hinton2015kd", "stanton2021does"),
    "ensemble_weights": ("ganta2022weighted",),
    "ensemble_views": ("guo2025fidelity",),
    "folds": ("dao2021semiparametric",),
    "statistics": ("menon2021statistical",),
    "epoch": ("wang2022checkpoints", "cho2019efficacy"),
    "calibrate": ("guo2017calibration", "yang2021calibration"),
    "assistant": ("mirzadeh2020assistant",),
    "generations": ("furlanello2018born",),
    "start_from_teacher": ("stanton2021does",),
    "trust": ("lukasik2022teachers",),
    "meta": ("zhou2022metadistil",),
    "selection": ("wang2022selection",),
    "cooperative": ("livanos2024cooperative",),
    "cooperative walk": ("heo2019bss",),
    "cooperative distance": ("wachter2018counterfactual",),
    "early stop": ("cho2019efficacy",),
    "late start": ("nagarajan2023deviations",),
    "sigmoid": ("laine2017temporal",),
    "cosine": ("loshchilov2017sgdr",),
    "mixed views": ("beyer2022patient",),
}
# Of a student that is made from its teacher: the labels of channels, what they are worth, a target that is measured on
# the device, pruning in steps.
PRUNING = {
    "channels": "fang2023depgraph",
    "l1": "li2017pruning",
    "bn_scale": "liu2017slimming",
    "taylor": "molchanov2019importance",
    "measured": "yang2018netadapt",
    "steps": "han2015learning",
}
VIEWS = {
    "rand_augment": "cubuk2020randaugment",
    "cutout": "devries2017cutout",
    "mixup": "zhang2018mixup",
    "cutmix": "yun2019cutmix",
}


def cite(path, settings=(), code=True):
    """BibTeX of what a recipe uses, its teachers' recipes included.

    Args:
        path, settings, code: as in `keras_kd.recipe.load.load`; a class that is not imported has no entry. The folder
            of a run stands for its recipe.

    Returns:
        Text: entries, each after a comment that says what uses it; at the end what has no entry here.

    Raises:
        UserError: the recipe has errors.

    Example:
        >>> print(cite("resnet56_to_resnet20").splitlines()[0])
        # resnet56_to_resnet20.yaml: kd
    """
    used, absent = {}, []
    of_run = Path(path) / "recipe.yaml"
    path = of_run if of_run.is_file() else path
    for key, reason in _of_file(path, settings, set(), code):
        if key in BIBTEX:
            used.setdefault(key, []).append(reason)
        else:
            absent.append(reason if key is None else (reason[0], f"{reason[1]} ({key})"))
    parts = [f"# {_in_words(reasons)}\n{BIBTEX[key]}\n" for key, reasons in used.items()]
    if absent:
        parts.append(f"# Without an entry here: {_in_words(absent)}\n")
    return "\n".join(parts)


def _in_words(reasons):
    """(recipe, what uses it), ... as "a.yaml: one, two; b.yaml: three"."""
    by_recipe = {}
    for recipe, what in dict.fromkeys(reasons):
        by_recipe.setdefault(recipe, []).append(what)
    return "; ".join(f"{recipe}: {', '.join(whats)}" for recipe, whats in by_recipe.items())


def keys():
    """Every key that methods, networks, data and ways of teaching can cite.

    Example:
        >>> keys() == set(BIBTEX)
        True
    """
    named = {key for method in METHODS.values() for key in method.cites}
    named.update(NETWORKS.values(), DATASETS.values(), OPTIONS.values(), VIEWS.values(), PRUNING.values())
    return named.union(*OPTIMIZERS.values(), *TEACHING.values())


def _of_file(path, settings, seen, code):
    """(key or None, (recipe, what uses it)) of a recipe and then of its teachers' recipes."""
    recipe = load(path, settings, notes=[], code=code)
    name = Path(path).name if ends_in(path, RECIPE) else f"{Path(path).name}.yaml"
    yield from ((key, (name, what)) for key, what in _of_recipe(recipe, code))
    for member in recipe.teacher.members if recipe.teacher else ():
        if member.is_recipe and member.model not in seen:
            seen.add(member.model)
            settings = settings_of(member)
            taught = load(member.model, settings, notes=[], code=code)
            if taught.teacher is not None:
                yield from ((key, (name, f"assistant {Path(member.model).name}")) for key in TEACHING["assistant"])
            yield from _of_file(member.model, settings, seen, code)


def _of_recipe(recipe, code):
    """(key or None, what uses it) of a recipe alone."""
    for term in recipe.terms:
        yield from _of_term(term, code)
    yield from _of_weights(recipe)
    for role in ("student", "peers", "teacher"):
        for network in _networks(recipe, role):
            yield from _of_network(network.model, role.removesuffix("s"))
    yield from _of_teaching(recipe)
    yield from _of_pruning(recipe.student.prune)
    name = recipe.data.name.split("/")[0].split(":")[0] if recipe.data.name not in DATASETS else recipe.data.name
    shown = recipe.data.name if name in DATASETS else Path(recipe.data.name).name
    yield DATASETS.get(name), f"data set {shown}"
    yield from _of_views(recipe)
    if recipe.fit.decay == "cosine":
        yield from ((key, "cosine decay of the learning rate") for key in TEACHING["cosine"])
    yield from ((key, f"optimizer {recipe.fit.optimizer}") for key in OPTIMIZERS[recipe.fit.optimizer])


def _of_term(term, code):
    cites = find(term.method).cites if code or not term.is_foreign else ()
    yield from ((key, term.method) for key in cites or (None,))
    if term.settings.get("standardize"):
        yield OPTIONS["standardize"], f"standardized logits of {term.method}"
    target = term.settings.get("target", "identity")
    target = next(iter(target), None) if isinstance(target, dict) else target
    if target in FROM_TANG:
        yield OPTIONS["target"], f"target {target} of {term.method}"


def _of_weights(recipe):
    """Terms that end, begin late, or ramp up."""
    weights = {term.method: term.weight for term in recipe.terms if isinstance(term.weight, Schedule)}
    labels = recipe.label_weight
    from_the_start = bool(labels.start_value if isinstance(labels, Schedule) and labels.delay else labels)
    begins_late = [name for name, weight in weights.items() if weight.delay and not weight.start_value]
    for name, weight in weights.items():
        if weight.stop_after is not None and not begins_late:
            yield from ((key, f"early stop of {name}") for key in TEACHING["early stop"])
        if name in begins_late and from_the_start:
            yield from ((key, f"late start of {name}") for key in TEACHING["late start"])
        if weight.shape == "sigmoid":
            yield from ((key, f"ramp-up of {name}") for key in TEACHING["sigmoid"])


def _networks(recipe, role):
    if role == "teacher":
        members = recipe.teacher.members if recipe.teacher else ()
        return [member for member in members if not member.is_recipe]
    if role == "peers":
        return recipe.peers
    return [recipe.student] if recipe.student.prune is None else []


def _of_network(model, role):
    name = model.lower()
    if kind(model) not in ("zoo", "application"):
        yield None, f"{role} {Path(model).name}"
        return
    if not name.startswith(OURS):
        yield next((key for beginning, key in NETWORKS.items() if name.startswith(beginning)), None), f"{role} {model}"


def _of_teaching(recipe):
    """What is done with the teacher in addition to a term."""
    teacher, together = recipe.teacher, recipe.cooperative
    ways = {
        "ensemble": teacher is not None and len(teacher.ensemble) > 1,
        "ensemble_weights": teacher is not None and teacher.ensemble_weights is not None,
        "ensemble_views": teacher is not None and bool(teacher.view_seeds),
        "folds": teacher is not None and teacher.folds is not None,
        "statistics": recipe.evidence.statistics,
        "epoch": teacher is not None and any(member.epoch is not None for member in teacher.members),
        "calibrate": teacher is not None and any(one.calibrate for one in (teacher, *teacher.members)),
        "generations": recipe.generations > 1,
        "start_from_teacher": recipe.student.start_from_teacher is not None,
        "trust": recipe.trust is not None,
        "meta": recipe.meta is not None,
        "selection": recipe.selection is not None,
        "cooperative": together is not None,
        "cooperative walk": together is not None and together.how == "walk",
        "cooperative distance": together is not None and together.how == "descent",
    }
    words = {
        "ensemble": "ensemble of teachers",
        "ensemble_weights": "weighted ensemble of teachers",
        "ensemble_views": "views of their own of an ensemble's members",
        "folds": "cross-fitted teacher",
        "statistics": "error of the teacher's probabilities",
        "epoch": "teacher from the middle of its training",
        "calibrate": "calibrated teacher",
        "generations": "generations",
        "start_from_teacher": "student's start from its teacher",
        "trust": "trust by class",
        "meta": "teacher that is taught to teach",
        "selection": "terms that a policy chooses",
        "cooperative": "networks that teach each other",
        "cooperative walk": "walk of the examples that they write",
        "cooperative distance": "distance of the examples that they write",
    }
    for way, is_used in ways.items():
        if is_used:
            yield from ((key, words[way]) for key in TEACHING[way])


def _of_pruning(spec):
    """How the student is made from its teacher."""
    if spec is None:
        return
    yield PRUNING["channels"], "student made from its teacher: channels that belong together"
    if spec.criterion in PRUNING:
        yield PRUNING[spec.criterion], f"criterion {spec.criterion} of its channels"
    if spec.measured_format:
        yield PRUNING["measured"], "its exported file measured"
    if spec.steps > 1:
        yield PRUNING["steps"], "pruned and taught in steps"


def _of_views(recipe):
    views = recipe.data.family
    if not isinstance(views, Augmented):
        return
    mixing = views.mixing and ("cutmix" if isinstance(views.mixing, Cutmix) else "mixup")
    for name, part in (("rand_augment", views.rand_augment), ("cutout", views.cutout), (mixing, views.mixing)):
        if part:
            yield VIEWS[name], f"{name} of the training images"
    if mixing and recipe.teacher is not None:
        yield from ((key, f"teacher that is shown the {mixing} of its student") for key in TEACHING["mixed views"])
