"""What a recipe trains is built as its data say."""

import pytest

from keras_kd.recipe.load import load
from keras_kd.workflows.run.build import build_distiller, build_student
from keras_kd.workflows.run.dry_run import about_data

RECIPE = """
data: digits
teacher: {model: digits_cnn}
student: digits_tiny
terms: [{method: bss}, {method: kd}]
fit: {epochs: 1, batch_size: 32, learning_rate: 0.01}
"""


def test_a_method_that_walks_images_is_told_the_standardisation_of_the_data(tmp_path):
    (tmp_path / "mine.yaml").write_text(RECIPE)
    recipe = load(tmp_path / "mine.yaml")
    about = about_data(recipe)
    bss, kd = (
        term.method
        for term in build_distiller(recipe, build_student(recipe, about), build_student(recipe, about)).terms
    )
    assert (bss.mean, bss.std) == (pytest.approx(about.mean), pytest.approx(about.std))
    assert bss.clip == (-2.5, 2.5)
    assert kd.for_pixels(about.mean, about.std) is kd
