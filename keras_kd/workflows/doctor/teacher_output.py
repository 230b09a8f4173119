"""Whether the teacher gives what `from_logits` says."""

from keras_kd.models.outputs import check_from_logits
from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor.findings import finding
from keras_kd.workflows.doctor.members import settings_of

OUTPUT = "logits or probabilities"
WHY = "A softmax of probabilities is nearly uniform, and a logarithm of logits is none: the target would be noise."


def check_output(case, member):
    """Whether a network gives what `from_logits` says, by its numbers and by its last layer.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    kind, figures = member.gives(case.training)
    said = member.network.from_logits
    count = f"on {len(case.training):,} training images"
    flag = "from_logits is true" if said else "from_logits is false"
    evidence = {"kind": kind, "from_logits": said, **figures}

    def bad(found, cure):
        return finding(OUTPUT, "bad", found, why=WHY, cure=cure, evidence=evidence)

    if kind == "not finite":
        images = figures["images_not_finite"]
        return finding(
            OUTPUT,
            "bad",
            f"NaN or infinite {count}, {images:,} of them",
            why="A loss with one such number is none, and training stops.",
            cure="train the teacher again, or take an earlier checkpoint of it",
            evidence=evidence,
        )
    between = f"{figures['smallest']:.3g} to {figures['largest']:.3g}"
    sums = f"rows that sum to {figures['least_sum']:.3f}"
    if kind == "probabilities" and said:
        return bad(f"probabilities ({between}, {sums}) {count}, and {flag}", _flag(member, False))
    if kind == "scaled probabilities":
        return bad(
            f"probabilities times a number ({between}, {sums}) {count}, and {flag}",
            "take the softmax and what scales it off the end of the network, so that it gives logits",
        )
    if kind == "sigmoids":
        return bad(
            f"numbers in 0..1 that do not sum to 1 ({between}) {count}: sigmoids, it seems",
            "give the last layer no activation, or a softmax",
        )
    if kind == "logits" and not said:
        return bad(
            f"logits ({between}, rows that sum to {figures['least_sum']:.3g} and up to {figures['largest_sum']:.3g}) "
            f"{count}, and {flag}",
            _flag(member, True),
        )
    try:
        check_from_logits(member.where, member.network.model, said)
    except UserError as error:
        reason, _, cure = str(error).rpartition("; ")
        if kind == "probabilities":
            cure = "let the network end in its softmax, without the layers after it"
        return bad(f"{kind} by the numbers, but a run refuses it: {reason}", cure)
    return finding(OUTPUT, "good", f"{kind} ({between}) {count}, and {flag}", evidence=evidence)


def _flag(member, gives_logits):
    if member.kind in ("recipe", "generation"):
        value = str(gives_logits).lower()
        return f"`student.from_logits: {value}` in its own recipe, and run that again with --restart"
    return settings_of(member, from_logits=gives_logits)
