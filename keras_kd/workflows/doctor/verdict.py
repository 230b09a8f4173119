"""Whether the finished run helped: what its report says of the student on labels alone, or what lies on disk of it."""

from keras_kd.report.fields import get_path, parts
from keras_kd.report.first_sentence import first_sentence, harm, is_better_on, is_worse_on
from keras_kd.workflows.doctor.findings import VERDICT, finding, percent
from keras_kd.workflows.doctor.finished_run import compared_with_labels_alone
from keras_kd.workflows.run.baseline import LABELS


def check_verdict(case):
    """Whether the same student does better on labels alone.

    Args:
        case: a `Case`.
    """
    if case.report is None:
        return None
    report = case.report.as_json()
    if parts(report, "verdict", "against", LABELS):
        worse, told = bool(harm(report)), first_sentence(report)
        against = parts(report, "verdict", "against", LABELS)
        better = against.get("outcome") == "better" or is_better_on(against.get("on_images") or {})
        evidence = {"from": "report", "outcome": against.get("outcome")}
    else:
        rows = compared_with_labels_alone(case)
        if not rows:
            return None
        worse, better = is_worse_on(rows[0]), is_better_on(rows[0])
        told = "; ".join(
            f"seed {one['seed']}: {percent(one['distilled'])} distilled against {percent(one['labels_alone'])} on "
            f"labels alone, on {one['images']:,} test images"
            for one in rows
        )
        evidence = {"from": "runs on disk", "runs": rows}
    evidence["worse"] = worse
    if not worse:
        return finding(VERDICT, "good" if better else "unknown", told, evidence=evidence)
    safe = get_path(report, "delivered", "learned_from") == LABELS
    deliver = "" if safe else "; `export.deliver: best` with `baseline: true` delivers the better student"
    return finding(
        VERDICT,
        "warning" if safe else "bad",
        told,
        why="The same student does better on labels alone: the teacher, or its weight in the loss, costs more than it "
        "gives.",
        fix="raise `label_weight` (`auto` weighs the teacher by what it is worth) and lower the weights of the terms, "
        f"or take a better teacher{deliver}",
        evidence=evidence,
    )
