"""Which terms a policy chose while the student trained."""

from keras_kd.report.blocks import also_in_terminal, section, table, text
from keras_kd.report.fields import entries, parts
from keras_kd.utils.formatting import number, percent

POLICIES = {"bandit": "a bandit", "actor_critic": "an actor-critic"}
METRICS = {"accuracy": "accuracy", "loss": "label loss"}


def selection(report):
    """Shares of the training in which each term counted, in all and by part of it."""
    found = parts(report, "selection")
    chosen = parts(found, "chosen")
    probability = parts(found, "probability")
    rows = [
        [_epochs(one), *(percent(parts(one, "chosen").get(name)) for name in chosen), number(one.get("reward"))]
        for one in entries(found, "parts")
        if isinstance(one, dict)
    ]
    said = ", ".join(f"{name} {percent(share)}" for name, share in chosen.items())
    at_the_end = ", ".join(f"{name} {percent(one)}" for name, one in probability.items())
    policy = POLICIES.get(found.get("policy"), found.get("policy"))
    metric = METRICS.get(found.get("metric"), found.get("metric"))
    interval = f"{found.get('interval')} {found.get('unit')}"
    how = (
        f"The terms were chosen by {policy}, anew after {interval}, by the change of the {metric} on the validation "
        f"images, which therefore took part in the training. At the end they would be chosen with: {at_the_end}."
    )
    return section(
        "selection",
        "Which terms were chosen",
        also_in_terminal(text(f"Of the training each term counted in: {said} (selection)." if said else "")),
        text(how if said else ""),
        table(["epochs", *chosen, "mean reward"], rows),
    )


def _epochs(one):
    first, last = one.get("from"), one.get("to")
    return f"{first}" if first == last else f"{first} to {last}"
