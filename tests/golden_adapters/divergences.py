"""Divergences that were published for tokens: the rows of the tokens that count."""

import numpy as np
from keras import ops

from golden_adapters.logits import loss_of
from keras_kd import METHODS


def of_tokens(name, more=lambda teacher, settings: 0.0, **renamed):
    """(inputs, hyperparameters) -> scalar, a mean over the tokens whose label is not -100, as rows of a batch."""

    def run(inputs, settings):
        counts = np.flatnonzero(np.asarray(inputs["labels"]).reshape(-1) != -100)
        rows = {
            role: ops.take(ops.reshape(inputs[f"{role}_logits"], (-1, inputs["teacher_logits"].shape[-1])), counts, 0)
            for role in ("student", "teacher")
        }
        fields = {renamed.get(key, key): value for key, value in settings.items()}
        method = METHODS[name](**{"temperature": 1.0, **fields, **renamed.get("fixed", {})})
        loss = method.loss({role: {"logits": one} for role, one in rows.items()}, None, {})
        return ops.mean(loss + more(rows["teacher"], settings))

    return run


def entropy(teacher, settings):
    """Of the published forward loss, which is a cross-entropy."""
    log_probability = ops.log_softmax(teacher, axis=-1)
    return -ops.sum(ops.exp(log_probability) * log_probability, axis=-1)


ADAPTERS = {
    "mkl": loss_of("mkl"),
    "nkd": loss_of("nkd"),
    "normkd": loss_of("normkd"),
    "ea_kd": loss_of("ea_kd"),
    "lm_skew_forward_kl": of_tokens("skew_kl", entropy, lam="skew"),
    "lm_skew_reverse_kl": of_tokens("skew_kl", lam="skew", fixed={"reverse": True}),
    "gkd": of_tokens("gkd"),
    "abkd": of_tokens("abkd"),
}
