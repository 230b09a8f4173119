"""A method of the user's own, named in a recipe as package.module:Class."""

import sys

import h5py
import keras
import numpy as np
import pytest
from networks import cnn, images

from keras_kd import KD, Distiller, FitNet
from keras_kd.methods.find import find
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError

MINE = """\
from pydantic import Field

from keras_kd import Method


class Mine(Method):
    power: float = Field(2.0, gt=0)

    def loss(self, signals, labels, adapters):
        difference = signals["student"]["logits"] - signals["teacher"]["logits"]
        return self.power * difference[:, 0] ** 2


class WithoutLoss(Method):
    pass


number = 3
"""
RECIPE = """\
data: digits
teacher: digits_teacher.yaml
student: digits_tiny
terms:
  - {method: "NAME", SETTINGS}
fit: {epochs: 1}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text(MINE)
    (package / "broken.py").write_text("1 / 0\n")
    (package / "needy.py").write_text("import not_installed\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "my_package"]:
        del sys.modules[name]


def recipe(folder, name, settings="power: 3"):
    (folder / "mine.yaml").write_text(RECIPE.replace("NAME", name).replace("SETTINGS", settings))
    return load("mine.yaml")


def test_a_recipe_finds_it_in_the_current_folder(folder):
    term = recipe(folder, "my_package.mine:Mine", "power: 3, weight: 2").terms[0]
    assert (term.method, term.weight, term.settings) == ("my_package.mine:Mine", 2.0, {"power": 3.0})
    assert find(term.method)(**term.settings).power == 3.0


def test_its_settings_read_back_from_the_resolved_recipe(folder):
    assert recipe(folder, "my_package.mine:Mine").dump()["terms"] == [
        {"method": "my_package.mine:Mine", "weight": 1.0, "power": 3.0}
    ]


def test_its_log_has_the_name_of_its_class(folder):
    method = find("my_package.mine:Mine")
    distiller = Distiller(cnn(2, name="student"), cnn(3, name="teacher"), terms=[method()])
    distiller.compile(optimizer="sgd")
    assert "mine_loss" in distiller.fit(*images(8), verbose=0).history


def test_a_method_of_ours_may_be_named_so_too():
    assert find("kd") is find("keras_kd.methods.kd:KD") is KD


ABSENT = "can be imported; run from the folder that holds it, or install it"
WRONG = {
    "my_package.nothing:Mine": f"no module 'my_package.nothing' {ABSENT}",
    "my_package.needy:Mine": f"no module 'not_installed' {ABSENT}",
    "my_package.broken:Mine": "importing 'my_package.broken' fails with ZeroDivisionError: division by zero; "
    "correct it",
    "my_package.mine:Mina": "found no class 'Mina' in 'my_package.mine'; did you mean 'Mine'?",
    "my_package.mine:Other": "found no class 'Other' in 'my_package.mine'; expected class Other(Method)",
    "my_package.mine:number": "found no method; expected a subclass of keras_kd.Method: class number(Method)",
    "my_package.mine:WithoutLoss": "found a method without a loss; define loss(self, signals, labels, adapters)",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_found_is_said_in_one_line(folder, name):
    with pytest.raises(UserError) as error:
        recipe(folder, name)
    assert str(error.value) == f"mine.yaml:5: terms[0]: {name}: {WRONG[name]}"


def test_its_settings_are_checked_as_ours_are(folder):
    with pytest.raises(UserError) as error:
        recipe(folder, "my_package.mine:Mine", "powr: 3")
    assert str(error.value) == (
        "mine.yaml:5: terms[0].powr: no such field for my_package.mine:Mine; did you mean 'power'?"
    )
    with pytest.raises(UserError) as error:
        recipe(folder, "my_package.mine:Mine", "power: -1")
    assert str(error.value) == "mine.yaml:5: terms[0].power: is -1; expected more than 0"


def test_a_name_that_can_be_no_class_is_no_method(folder):
    with pytest.raises(UserError) as error:
        recipe(folder, "my_package.mine:Mine:x")
    assert str(error.value) == (
        "mine.yaml:5: terms[0]: no method 'my_package.mine:Mine:x'; expected a name of `keras-kd list methods`, or "
        "package.module:Class"
    )


def test_it_trains_and_saves_the_student_alone(folder):
    distiller = Distiller(cnn(2, name="student"), cnn(3, name="teacher"), terms=[find("my_package.mine:Mine")()])
    distiller.compile(optimizer="sgd")
    x, y = images(8)
    distiller.fit(x, y, verbose=0)
    distiller.save("student.keras")
    np.testing.assert_allclose(
        keras.saving.load_model("student.keras").predict(x, verbose=0), distiller.predict(x, verbose=0), rtol=1e-5
    )


def test_a_method_with_the_old_names_of_its_adapters_works_with_a_warning():
    with pytest.warns(FutureWarning) as warned:

        class Old(FitNet):
            glue_learns = True

            def glue(self, specs, networks):
                own = keras.layers.Dense(5)
                own.build((None, 5))
                return {**super().glue(specs, networks), "mine": own}

            def loss(self, signals, labels, glue):
                distance = glue["mine"](signals["student"]["logits"]) - signals["teacher"]["logits"]
                return super().loss(signals, labels, glue) + distance[:, 0] ** 2

    assert [str(one.message) for one in warned] == [
        "use adapters, trains_adapters instead of glue, glue_learns in Old; the old works for one release"
    ]
    assert {one.filename for one in warned} == {__file__}
    distiller = Distiller(cnn(2), cnn(4), terms=[Old(student_tap="map", teacher_tap="map")])
    distiller.compile("sgd")
    x, y = images(8)
    distiller.fit(x, y, batch_size=8, verbose=0)
    assert set(distiller.adapters["0"]) == {"regressor", "mine"}
    assert Old.trains_adapters and KD.glue_learns is KD.trains_adapters is False and FitNet.glue_learns is True


def test_adapters_are_saved_under_the_name_that_earlier_versions_gave_them(tmp_path):
    distiller = Distiller(cnn(2), cnn(4), terms=[FitNet(student_tap="map", teacher_tap="map")])
    distiller.compile("sgd")
    distiller.save_weights(tmp_path / "state.weights.h5")
    with h5py.File(tmp_path / "state.weights.h5") as file:
        assert "glue" in file and "adapters" not in file
