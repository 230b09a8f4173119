"""Values and gradients equal those of the papers' own code, on both backends.

    pytest tests/methods/test_golden.py --golden DIR

DIR holds losses.json and losses.npz, or several such pairs. A case is dispatched by its `method` to the adapters in
golden_adapters/, which give its inputs to the public methods. Cases of methods that keras_kd does not know are not
collected; the first test fails and names them.
"""

import importlib
import json
import pkgutil
from collections import ChainMap
from pathlib import Path

import golden_adapters
import keras
import numpy as np
import pytest

from keras_kd.evaluation import metrics

MODULES = [
    importlib.import_module(f"golden_adapters.{module.name}")
    for module in pkgutil.iter_modules(golden_adapters.__path__)
]
ADAPTERS = {method: adapter for module in MODULES for method, adapter in module.ADAPTERS.items()}
# Of the adapters that make networks of weights that they are given, which cannot be compiled.
NETWORKS = {method: make for module in MODULES for method, make in getattr(module, "NETWORKS", {}).items()}
# Of procedures that are more than a loss: {name of an output: value}.
STEPS = {method: step for module in MODULES for method, step in getattr(module, "STEPS", {}).items()}
FIGURES = {"metrics", "linear_cka"}


def cases_of(config):
    files = sorted(Path(config.getoption("golden")).glob("*.json"))
    return [case for file in files for case in json.loads(file.read_text()).get("cases", ())]


def pytest_generate_tests(metafunc):
    if "case" not in metafunc.fixturenames:
        return
    cases = cases_of(metafunc.config)
    others = {"test_figures": {"metrics"}, "test_linear_cka": {"linear_cka"}, "test_steps": set(STEPS)}
    wanted = others.get(metafunc.function.__name__, set(ADAPTERS))
    chosen = [case for case in cases if case["method"] in wanted]
    metafunc.parametrize(
        "case", chosen, ids=[case.get("id", f"{case['method']}/{case.get('case')}") for case in chosen]
    )


@pytest.fixture(scope="session")
def arrays(request):
    files = sorted(Path(request.config.getoption("golden")).glob("*.npz"))
    return ChainMap(*map(np.load, files))


def test_every_case_is_of_a_known_method(request):
    cases = cases_of(request.config)
    unknown = sorted({case["method"] for case in cases} - set(ADAPTERS) - set(STEPS) - FIGURES)
    assert not unknown, f"no adapter for {', '.join(unknown)}"
    if Path(request.config.getoption("golden")) == Path(__file__).parents[1] / "golden":
        assert {*ADAPTERS, *STEPS, *FIGURES} <= {case["method"] for case in cases}, "an adapter without a case"


def test_loss_and_gradient(case, arrays):
    inputs = {name: arrays[key] for name, key in case["inputs"].items()}
    expected = {name: arrays[key] for name, key in case["outputs"].items()}
    floats = {name: value.astype("float32") for name, value in inputs.items() if value.dtype.kind == "f"}
    whole = {name: value.astype("int32") for name, value in inputs.items() if value.dtype.kind != "f"}
    loss, settings = ADAPTERS[case["method"]], case["hyperparameters"]
    made = [NETWORKS[case["method"]]({**floats, **whole}, settings)] if case["method"] in NETWORKS else []
    wanted = sorted(name.removeprefix("grad_") for name in expected if name.startswith("grad_"))
    value, gradients = value_and_gradients(
        lambda changing: loss({**floats, **whole, **changing}, settings, *made),
        # A gradient may be with respect to a value between, which is then an output (bss_attack).
        {name: floats[name] if name in floats else expected[name].astype("float32") for name in wanted},
    )
    np.testing.assert_allclose(value, expected["loss"], rtol=1e-4)
    for name in wanted:
        reference = expected[f"grad_{name}"]
        deviation = case.get("float32_gradient_deviation", {}).get(f"grad_{name}", 0.0)
        tolerance = max(1e-4, 10 * deviation) * np.abs(reference).max()
        np.testing.assert_allclose(gradients[name], reference, rtol=0, atol=tolerance)


def test_steps(case, arrays):
    inputs = {name: arrays[key] for name, key in case["inputs"].items()}
    inputs = {name: value.astype("float32" if value.dtype.kind == "f" else "int32") for name, value in inputs.items()}
    got = STEPS[case["method"]](inputs, case["hyperparameters"])
    for name, key in case["outputs"].items():
        expected = arrays[key]
        # Weights after a step differ little from those before: what is held is the step.
        before = inputs.get(name.removesuffix("_after"), 0) if name.endswith("_after") else 0
        step = np.abs(expected - before).max()
        rounding = np.finfo("float32").eps * np.abs(expected).max()
        np.testing.assert_allclose(got[name], expected, rtol=0, atol=1e-4 * step + rounding, err_msg=name)


def test_figures(case, arrays):
    inputs = {name: arrays[key] for name, key in case["inputs"].items()}
    expected = {name: arrays[key] for name, key in case["outputs"].items()}
    student, teacher, labels = inputs["student_logits"], inputs["teacher_logits"], inputs["labels"]
    got = {
        "student_accuracy": metrics.accuracy(student, labels),
        "teacher_accuracy": metrics.accuracy(teacher, labels),
        "top1_agreement": metrics.agreement(student, teacher),
        "predictive_kl": metrics.predictive_kl(student, teacher),
    }
    for bins in case["hyperparameters"]["ece_bins"]:
        found = metrics.calibration(student, labels, bins=bins)
        got.update({f"ece_{bins}": found["ece"], "nll": found["nll"], "brier": found["brier"]})
    assert set(got) <= set(expected)
    for name, value in got.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, err_msg=name)


def test_linear_cka(case, arrays):
    x, y = (arrays[case["inputs"][name]] for name in ("features_x", "features_y"))
    np.testing.assert_allclose(metrics.linear_cka(x, y), arrays[case["outputs"]["loss"]], rtol=1e-9)


def value_and_gradients(function, inputs):
    """A scalar function of {name: array} and its gradients, on the backend that runs."""
    if keras.backend.backend() == "jax":
        import jax

        # Compiled as one: each operation alone would be compiled for itself.
        value, gradients = jax.jit(jax.value_and_grad(function))(inputs)
        return float(value), {name: np.asarray(gradient) for name, gradient in gradients.items()}
    import tensorflow as tf

    tensors = {name: tf.constant(x) for name, x in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(tensors)
    gradients = tape.gradient(value, tensors)
    return float(value), {name: gradient.numpy() for name, gradient in gradients.items()}
