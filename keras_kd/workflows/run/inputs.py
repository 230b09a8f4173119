"""What a run depends on, known by its content: the files and the code that its recipe names, teachers, images."""

from pathlib import Path
from typing import NamedTuple

from keras_kd.models import kind
from keras_kd.models.foreign.kinds import FOREIGN, sha256_of
from keras_kd.recipe.folders import RunFolder, home, run_name, teacher_run_name
from keras_kd.recipe.load import load, load_teacher_recipe
from keras_kd.recipe.schema import Recipe
from keras_kd.recipe.schema_networks import MemberSpec, TeacherSpec
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import sha256
from keras_kd.utils.foreign_code import import_module_of
from keras_kd.utils.formatting import listed
from keras_kd.workflows.run.folder import differences

IMAGES = "the images and labels"


class TeacherRun(NamedTuple):
    """A teacher that is the student of a run: what names it, its recipe, its run."""

    spec: MemberSpec
    recipe: Recipe
    files: RunFolder

    @property
    def student(self):
        """The file that teaches: the run's student, or as it was after an epoch."""
        epochs = self.recipe.fit.epochs
        return self.files.student if self.spec.epoch in (None, epochs) else self.files.checkpoint(self.spec.epoch)


def teacher_run(spec, folder, smoke):
    """The run of a teacher that is a recipe.

    Args:
        spec: a `MemberSpec` that names a recipe.
        folder: of the run that it teaches, next to which its own lies.
        smoke: whether it is shrunk.
    """
    own = load_teacher_recipe(spec.model_copy(update={"seed": None}), smoke)
    taught = own if spec.seed is None else own.with_seed(spec.seed)
    name = teacher_run_name(Path(spec.model).stem, spec.settings)
    files = RunFolder(home(folder) / run_name(name, taught.seed, own.seed, smoke))
    return TeacherRun(spec, taught, files)


def teacher_runs(recipe, folder, smoke):
    """The runs of a recipe's teachers that are recipes."""
    members = recipe.teacher.members if recipe.teacher is not None else ()
    return [teacher_run(spec, folder, smoke) for spec in members if spec.is_recipe]


def independent_of(recipe):
    """The network that fidelity is compared with, as the teacher of a recipe, or None."""
    spec = recipe.evidence.independent_teacher
    return None if spec is None else TeacherSpec(**spec.model_dump())


def independent_digest(recipe, folder, smoke):
    """The digest of the network that fidelity is compared with, where it is a file that is there; else None."""
    spec = independent_of(recipe)
    if spec is None:
        return None
    file = teacher_run(spec, folder, smoke).student if spec.is_recipe else Path(spec.model)
    if kind(spec.model) in FOREIGN:
        return sha256_of(file)
    return sha256(file) if kind(spec.model) in ("file", None) and file.is_file() else None


def same_teachers(recipe, folder, smoke):
    """Refuses a teacher's run that is of another recipe than the one that is named, before anything is trained.

    Args:
        recipe, folder, smoke: of the run that is taught.

    Raises:
        UserError: names the run, what differs, and the ways to choose from.
    """
    independent = independent_of(recipe)
    compared = [teacher_run(independent, folder, smoke)] if independent is not None and independent.is_recipe else []
    for one in [*teacher_runs(recipe, folder, smoke), *compared]:
        files = one.files
        if not files.student.exists():
            same_teachers(one.recipe, files.path, smoke)
        if not files.recipe.exists() or not (files.student.exists() or files.state.exists()):
            continue
        found = differences(load(files.recipe, notes=[]), one.recipe)
        if found:
            shown = listed(found, between="; ")
            name = Path(one.spec.model).name
            anew = (
                f"`keras-kd distill {one.spec.model} --restart` throws that run away and trains it as its recipe says"
            )
            if one.spec.settings:
                # That command trains the recipe without what is overridden, in another folder.
                anew = "remove that folder to have it trained as its recipe says"
            raise UserError(
                f"{files.path}: holds the run of another recipe than the teacher {name} that is asked for ({shown}); "
                f"{anew}, another name of that recipe keeps both, and `--set teacher={files.student}` takes it as it is"
            )


def inputs_of(recipe, folder, smoke, dataset=None):
    """What a run depends on, as far as it is there.

    Args:
        recipe, folder, smoke: of the run.
        dataset: its data, once they are loaded.

    Returns:
        {what it is: digest}.

    Raises:
        UserError: code that the recipe names cannot be imported.
    """
    found = {}
    for role, spec in _networks(recipe):
        if kind(spec.model) == "file" and Path(spec.model).is_file():
            found[f"the {role} {Path(spec.model).name}"] = sha256(spec.model)
        elif kind(spec.model) == "function":
            found.update(_code(spec.model))
        elif kind(spec.model) in FOREIGN:
            found[f"the {role} {Path(spec.model).name}"] = sha256_of(spec.model)
    for one in teacher_runs(recipe, folder, smoke):
        if one.student.exists():
            epoch = "" if one.spec.epoch is None else f" epoch {one.spec.epoch}"
            found[f"the teacher {one.files.path.name}{epoch}"] = sha256(one.student)
    for term in recipe.terms:
        if ":" in term.method:
            found.update(_code(term.method))
    for module in recipe.modules:
        found.update(_code(module))
    if dataset is not None:
        found[IMAGES] = dataset.fingerprint
    return found


def _networks(recipe):
    """(role, spec) of the networks that a recipe names, those that are recipes apart."""
    members = recipe.teacher.members if recipe.teacher is not None else ()
    found = [("student", recipe.student), *((f"peer {number}", one) for number, one in enumerate(recipe.peers, 1))]
    found += [("teacher" if len(members) < 2 else f"teacher {number}", one) for number, one in enumerate(members, 1)]
    # A student that is made from its teacher is no network of its own.
    found = [(role, spec) for role, spec in found if spec.model is not None]
    return [(role, spec) for role, spec in found if not spec.model.endswith((".yaml", ".yml"))]


def _code(name):
    """{what it is: digest} of the file that holds a function or a class of the user's own, or is its module."""
    file = getattr(import_module_of(name), "__file__", None)
    return {f"the code of {name}": sha256(file)} if file is not None and Path(file).is_file() else {}
