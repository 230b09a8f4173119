"""Recipes, run folders and searches of version 0.1 hold schedules under the old names of their fields."""

import pytest
import yaml

import keras_kd
from keras_kd.recipe import old_names
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.load import load
from keras_kd.recipe.old_names import with_new_names
from keras_kd.training.schedules import RENAMED, Schedule
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.folder import keep_recipe, same_recipe
from keras_kd.workflows.search.folder import SearchFolder, refuse_other_search

NEW = """\
data: digits
teacher: digits_teacher.yaml
student: digits_tiny
label_weight: {start_value: 0.1, end_value: 1, delay: 2}
terms:
  - {method: kd, weight: {end_value: 0.9, stop_after: 5}, temperature: {start_value: 8, end_value: 2, duration: 4}}
  - sp
fit: {epochs: 6}
"""
OLD = NEW
for before, now in RENAMED.items():
    OLD = OLD.replace(f"{now}:", f"{before}:")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(old_names, "_noted", set())
    (tmp_path / "new.yaml").write_text(NEW)
    (tmp_path / "old.yaml").write_text(OLD)
    return tmp_path


def test_old_fields_give_an_equal_recipe_and_a_note_each(capsys):
    assert "end_value" not in OLD and load("old.yaml").dump() == load("new.yaml").dump()
    load("old.yaml")
    assert capsys.readouterr().err.splitlines() == [
        "old.yaml:4: label_weight: begin, end, after are now start_value, end_value, delay; the old names work for one "
        "release",
        "old.yaml:6: terms[0].temperature: begin, end, over are now start_value, end_value, duration; the old names "
        "work for one release",
        "old.yaml:6: terms[0].weight: end, until are now end_value, stop_after; the old names work for one release",
    ]


def test_overrides_by_either_name_replace_the_other(capsys):
    for file in ("old.yaml", "new.yaml"):
        for name in ("over", "duration"):
            recipe = load(file, [f"terms.0.temperature.{name}=3"])
            assert recipe.terms[0].schedules["temperature"].duration == 3
    capsys.readouterr()
    load("new.yaml", ["terms.0.temperature.over=3"])
    load("new.yaml", ["terms.0.weight={end: 1}"])
    assert capsys.readouterr().err == (
        "--set terms.0.weight={end: 1}: terms[0].weight: end is now end_value; the old name works for one release\n"
    )


def test_a_field_under_both_names_is_refused(here):
    (here / "both.yaml").write_text(NEW.replace("delay: 2", "delay: 2, after: 2"))
    with pytest.raises(
        UserError,
        match="both.yaml:4: label_weight: is a mapping; expected one of after and delay, which",
    ):
        load("both.yaml")


def test_a_smoke_run_begins_the_second_phase_at_once():
    assert load("old.yaml", smoke=True).label_weight == load("new.yaml", smoke=True).label_weight
    assert load("old.yaml", smoke=True).label_weight.delay == 0


def test_a_run_folder_with_old_fields_is_of_the_same_recipe_and_read_in_silence(here, capsys):
    recipe, files = load("new.yaml"), RunFolder(here / "run")
    files.path.mkdir()
    keep_recipe(files, recipe)
    text = files.recipe.read_text()
    for before, now in RENAMED.items():
        text = text.replace(f"{now}:", f"{before}:")
    files.recipe.write_text(text)
    files.student.write_bytes(b"")
    same_recipe(files, recipe)
    assert "end_value" not in text and load(files.recipe).terms == recipe.terms
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match="holds a run of other settings"):
        same_recipe(files, load("new.yaml", ["terms.0.weight.stop_after=4"]))


def test_a_search_with_old_fields_is_the_same_search(here):
    files, recipe = SearchFolder(here), load("new.yaml", ["search.trials=2"])
    refuse_other_search(files, recipe, recipe.search, ())
    settled = yaml.safe_load(files.settled.read_text())
    text = files.settled.read_text()
    for before, now in RENAMED.items():
        text = text.replace(f"{now}:", f"{before}:")
    files.settled.write_text(text)
    assert with_new_names(yaml.safe_load(text)["recipe"]) == settled["recipe"]
    refuse_other_search(files, recipe, recipe.search, ())
    with pytest.raises(UserError, match="holds a search of other settings"):
        refuse_other_search(files, load("new.yaml", ["fit.epochs=7"]), recipe.search, ())


@pytest.mark.parametrize("module", [keras_kd, keras_kd.training.schedules], ids=lambda module: module.__name__)
def test_the_old_class_is_the_new_one_with_a_warning(module):
    with pytest.warns(FutureWarning, match=r"use .*Schedule.* instead of .*ByEpoch; the old works for one release"):
        kind = module.ByEpoch
    assert kind is Schedule
    with pytest.warns(FutureWarning, match="use end_value, duration instead of end, over of a schedule"):
        assert kind(end=0.9, over=20) == Schedule(end_value=0.9, duration=20)
    assert not hasattr(module, "ByEpochs")
