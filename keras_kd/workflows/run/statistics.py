"""What the data's own probabilities, or a teacher's members, tell of a run: `evidence.statistics`."""

from keras_kd.data.true_probabilities import true_probabilities, true_relations
from keras_kd.evaluation import known_structure
from keras_kd.evaluation.measure import sample
from keras_kd.evaluation.statistical_view import of_student, statistical_view
from keras_kd.methods.parts.class_relations import class_relations
from keras_kd.models.network import Network, logits_of
from keras_kd.utils.errors import UserError

ROLES = ("student", "teacher")


def statistics(recipe, dataset, networks, logits, share):
    """How right the teacher's probabilities are, and what student and teacher have of what is known of the data.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        networks: {"student": `Network`, and where there is one "teacher": `Network`}.
        logits: (of the student, of the teacher or None) on the test images.
        share: of the loss that is distillation, 0..1.

    Returns:
        As `keras_kd.evaluation.statistical_view.statistical_view`; where the data know their probabilities also
        "difficulty", on test images and on the training images that stand for all, and "relations", see
        `keras_kd.evaluation.known_structure`. Without a teacher what is known of the student; None where that is
        nothing.
    """
    data, test = recipe.data, dataset.test
    chosen = {"classes": data.classes, "groups": data.groups}
    true, related = true_probabilities(data.name, test.images, **chosen), true_relations(data.name, **chosen)
    if "teacher" in networks:
        view = statistical_view(*logits, _of_members(networks["teacher"], test.images), test.labels, true)
    elif true is not None:
        view = of_student(logits[0], true)
    else:
        return None
    if true is None:
        return view
    view["difficulty"] = {"test": known_structure.difficulty(*logits, test.labels, true, share)}
    picked = sample(len(dataset.train), recipe.evidence.train_images)
    if len(picked):
        images, labels = dataset.train.images[picked], dataset.train.labels[picked]
        said = [logits_of(networks[role], images)[0] if role in networks else None for role in ROLES]
        of_train = true_probabilities(data.name, images, **chosen)
        view["difficulty"]["train"] = known_structure.difficulty(*said, labels, of_train, share)
    if related is not None:
        vectors = {role: _vectors(network, len(related)) for role, network in networks.items()}
        by_role = {role: of_network for role, of_network in zip(ROLES, logits, strict=True) if role in networks}
        view["relations"] = known_structure.relations(vectors, by_role, test.labels, related, true)
    return view


def _of_members(teacher, images):
    """The logits of each network of a teacher that is several; of one alone an empty list."""
    members, flags = teacher.members[:2] if teacher.members else ((), ())
    return [logits_of(Network(one.name, one, flag), images)[0] for one, flag in zip(members, flags, strict=True)]


def _vectors(network, classes):
    """The cosines of a network's class vectors, or None where it has none, or one in each of several networks."""
    try:
        return class_relations(network.model, classes, network.name)
    except UserError:
        return None
