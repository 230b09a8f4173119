"""Weights by differential evolution err no more than those of the golden cases, and than what is tried first."""

import json
from pathlib import Path

import numpy as np
import pytest

from keras_kd.evaluation.metrics.evolved_weights import evolve_ensemble_weights
from keras_kd.utils.errors import UserError

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_cases():
    arrays = np.load(GOLDEN / "ensemble_weights.npz")
    for case in json.loads((GOLDEN / "ensemble_weights.json").read_text())["cases"]:
        if case["method"] == "ensemble_weights":
            yield {name: arrays[key] for name, key in {**case["inputs"], **case["outputs"]}.items()}


def error(weights, logits, labels):
    probability = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return np.mean(np.tensordot(weights, probability, 1).argmax(-1) != labels)


@pytest.mark.parametrize("case", list(golden_cases()), ids=lambda case: str(case["assistant_logits"].shape))
def test_no_more_errors_than_the_reference_found(case):
    logits, labels = case["assistant_logits"], case["labels"]
    weights = evolve_ensemble_weights(list(logits), labels)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    found = error(weights, logits, labels)
    assert found <= case["best_error"] + 1e-9
    assert found <= min(case["uniform_error"], *case["single_errors"]) + 1e-9
    np.testing.assert_array_equal(weights, evolve_ensemble_weights(list(logits), labels))


def test_logits_that_cannot_be_judged_are_refused():
    with pytest.raises(UserError, match="held-out logits: found values that are not finite"):
        evolve_ensemble_weights([np.array([[np.nan, 0.0]]), np.zeros((1, 2))], [0])
