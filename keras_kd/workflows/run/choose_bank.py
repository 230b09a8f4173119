"""Whether the teacher of a recipe is looked up in a bank, and in which."""

from keras_kd.bank.bank import Bank, views_in
from keras_kd.bank.cross_fitted import CrossFittedBank
from keras_kd.bank.layout import row_bytes, signal_shapes
from keras_kd.data.folds import fold_of
from keras_kd.data.views.member_views import MemberViews
from keras_kd.methods.find import guarding, make
from keras_kd.models.foreign.layer import answering_in
from keras_kd.models.taps import LOGITS, Tapped
from keras_kd.recipe.folders import folders_of_banks
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import size


def bank_of(recipe, dataset, teacher, run_folder, renderer=None, log=None):
    """The bank that a recipe's teacher is looked up in, or None where it runs in the step.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        teacher: its `Network`, or None.
        run_folder: of the run.
        renderer: the `ViewRenderer` of the training images, if there is one.
        log: called with a line about what was chosen.

    Raises:
        UserError: a bank is asked for and cannot be: the reason; or the one that is there is damaged or foreign.
    """
    spec, log = recipe.bank, log or (lambda line: None)
    reading, taps = _read_of(recipe)
    if teacher is None or spec.mode == "live" or not reading:
        return None
    reason = _why_not(recipe, dataset, teacher, reading, taps)
    if reason is None:
        images = known_images(recipe, dataset).images
        seen = renderer if images is dataset.train.images else None
        bank = _open(recipe, dataset, teacher, taps, folders_of_banks(run_folder, spec.folder), seen)
        epochs = None if spec.mode == "full" else recipe.fit.epochs
        try:
            bank.check_room(epochs)
        except UserError as error:
            if spec.mode != "auto" or teacher.folds or answering_in(teacher.model):
                raise
            reason = str(error)
        else:
            need = size(bank.bytes_for(epochs), "bank")
            there = bank.filled() if teacher.folds else bank.tables[LOGITS].filled()
            of_members = [f"{member.tables[LOGITS].filled():,}" for member in bank.members]
            known = f", of its members {' and '.join(of_members)}" if of_members else ""
            for one in answering_in(teacher.model):
                if one.splits is not None and not one.by_view and bank.count > 1:
                    log(f"{one.name}: has one row an image, which answers for each of its {bank.count} views")
            log(f"bank {bank.folder}: {need} when this run is done; {there:,} views are in it already{known}")
            return bank
    if teacher.folds:
        raise UserError(f"teacher.folds: needs the bank, in which each image has its own teacher: {reason}")
    for one in answering_in(teacher.model):
        raise UserError(f"teacher: {one.name} is no Keras network and is asked through a bank alone: {reason}")
    if spec.mode != "auto":
        raise UserError(f"bank.mode: {spec.mode} cannot be: {reason}")
    log(f"the teacher runs in each step: {reason}")
    return None


def _open(recipe, dataset, teacher, taps, folders, renderer):
    """The bank of a teacher, or of its folds."""
    spec, whole, views = recipe.bank, known_images(recipe, dataset), recipe.data.family
    options = {"format": spec.format, "kept": spec.kept, "few": spec.views}
    if renderer is not None:
        options["renderer"] = renderer
    if not teacher.folds:
        options.update(taps=taps, from_logits=teacher.from_logits, members=teacher.members or None, name=teacher.name)
        seen = MemberViews(teacher.view_seeds, views) if teacher.view_seeds else None
        return Bank(folders, teacher.model, whole.images, views, member_views=seen, **options)
    networks, flags, _ = teacher.members
    fold = known_folds(recipe, dataset, teacher.folds)
    names = [f"{teacher.name}, without fold {number}" for number in range(teacher.folds)]
    return CrossFittedBank(folders, networks, whole.images, views, fold, from_logits=flags, names=names, **options)


def known_folds(recipe, dataset, folds):
    """The fold of each of `known_images`, int (n,), as `data.load` leaves one out: by the images' own labels."""
    whole = known_images(recipe, dataset)
    # Where none was taken out of them, noise is planted in these very labels.
    labels = whole.labels if whole.true_labels is None else whole.true_labels
    return fold_of(labels, folds, recipe.data.seed)


def check_folds(recipe, about, teacher):
    """Refuses terms that teachers of folds cannot answer, before anything is trained.

    Args:
        recipe: a `Recipe`.
        about: a `Description` of its data.
        teacher: its `Network`, untrained, or None.

    Raises:
        UserError: says why the bank that they need cannot be.
    """
    if teacher is not None and teacher.folds and recipe.generations == 1:
        reading, taps = _read_of(recipe)
        reason = _why_not(recipe, about, teacher, reading, taps)
        if reason is not None:
            raise UserError(f"teacher.folds: needs the bank, in which each image has its own teacher: {reason}")


def known_images(recipe, dataset):
    """The split whose images a bank counts by: all training images, those set aside for validation too.

    So a search, which sets some aside, and its winner, which learns from all, share one bank. Where views mix images
    the partners come from the images that are learnt from, and so does the bank.
    """
    return dataset.train if recipe.data.family.mixing else dataset.train.whole or dataset.train


def planned_bytes(recipe, about, teacher):
    """Bytes of the bank that a run will have filled, estimated before it; 0 where there will be none.

    Args:
        recipe: a `Recipe`.
        about: a `Description` of its data.
        teacher: its `Network`, untrained, or None.
    """
    spec = recipe.bank
    reading, taps = _read_of(recipe)
    if teacher is None or spec.mode == "live" or not reading or _why_not(recipe, about, teacher, reading, taps):
        return 0
    shapes = signal_shapes(Tapped("teacher", teacher.model, taps, teacher.from_logits), about.image_shape)
    row = sum(row_bytes(spec.format, tap, shape, spec.kept) for tap, shape in shapes.items())
    if teacher.members and not teacher.folds:
        row *= 1 + len(teacher.members[0])
    views = min(spec.views or recipe.data.family.count, recipe.data.family.count)
    shown = views if spec.mode == "full" else views_in(recipe.fit.epochs, views)
    return round(about.train_count * shown * row) * recipe.generations


def _read_of(recipe):
    """(the methods that read a teacher, the layers of it that they read)."""
    methods = [make(term) for term in recipe.terms]
    reading, taps = [method for method in methods if "teacher" in method.roles], []
    for method in reading:
        with guarding(method, "taps()"):
            taps += [tap for tap in method.taps("teacher") if tap != LOGITS]
    return reading, tuple(dict.fromkeys(taps))


def _why_not(recipe, dataset, teacher, reading, taps):
    """Why the teacher cannot be looked up, or None."""
    if recipe.meta is not None:
        return "it is taught itself (meta)"
    live = [method.name for method in reading if method.live]
    if live:
        return f"{live[0]} asks it in the step"
    if teacher.folds and taps:
        return f"layers are read ({', '.join(taps)}), and each fold's network has its own; take terms of logits"
    if not recipe.bank.maps and taps:
        shapes = signal_shapes(Tapped("teacher", teacher.model, taps, teacher.from_logits), dataset.image_shape)
        maps = [tap for tap in taps if len(shapes[tap]) > 1]
        if maps:
            return f"feature maps are read ({', '.join(maps)}), which bank.maps: true would store"
    return None
