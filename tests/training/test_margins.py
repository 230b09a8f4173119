"""Margins are measured on held-out images of a teacher that has not seen them, or of the sizes of classes."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_kd import AdaMargin
from keras_kd.recipe.schema import Recipe
from keras_kd.training.margins import margins_of_classes
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.margins import with_assumed_margins, with_measured_margins


def recipe_of(margins):
    recipe = Recipe(data="digits", student="digits_tiny", fit={"epochs": 1}, terms=[{"method": "ada_margin"}])
    term = recipe.terms[0].model_copy(update={"settings": {"margins": margins}})
    return recipe.model_copy(update={"terms": (term,)})


DATA = SimpleNamespace(
    classes=2, train=SimpleNamespace(labels=np.array([0, 0, 0, 1])), validation=SimpleNamespace(images=0, labels=[0, 1])
)


def test_margins_of_classes_are_those_of_the_training_images():
    found = with_measured_margins(recipe_of("classes"), DATA, None).terms[0].settings["margins"]
    np.testing.assert_allclose(found, margins_of_classes([3, 1]))
    np.testing.assert_allclose(found[1][0], np.log(3), rtol=1e-6)
    assert with_assumed_margins(recipe_of("teacher"), 2).terms[0].settings["margins"] == [[0, 0], [0, 0]]


def test_a_teacher_that_saw_the_validation_images_is_refused():
    teacher = SimpleNamespace(name="resnet56", source={"members": [{"trained_on_held_out": True}]})
    with pytest.raises(UserError, match="resnet56 was trained on the validation images"):
        with_measured_margins(recipe_of("teacher"), DATA, teacher)


@pytest.mark.parametrize(
    "margins, message", [("teacher", "a run of a recipe measures"), (((0.0,),), "expected 3 rows")]
)
def test_margins_that_cannot_be_are_refused(margins, message):
    with pytest.raises(UserError, match=message):
        AdaMargin(margins=margins).check({"student": {"logits": np.zeros((1, 3))}})
