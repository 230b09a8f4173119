"""What a run says of its time: all commands that worked on it, by stages that sum to it."""

import json
import time

import numpy as np
import pytest
from stand_ins import UNTRAINED

from keras_kd.recipe.load import load
from keras_kd.utils.formatting import duration
from keras_kd.utils.stages import was_asked
from keras_kd.workflows import seeds
from keras_kd.workflows.run import distill as running
from keras_kd.workflows.search.search import search

RECIPE = """
data: {name: ./images.npz}
teacher: digits_cnn
student: digits_tiny
label_weight: 0.5
terms: [{method: kd, temperature: 4}]
fit: {epochs: 2, batch_size: 20}
evidence: {representation: false}
export: {formats: []}
"""


@pytest.fixture
def recipe(tmp_path):
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (40, 8, 8, 1)).astype("uint8"), np.arange(40) % 4
    np.savez(tmp_path / "images.npz", x_train=pixels, y_train=labels, x_test=pixels[:20], y_test=labels[:20])
    (tmp_path / "small.yaml").write_text(RECIPE)
    return tmp_path / "small.yaml"


def distilled(recipe, folder, **options):
    return seeds.distill(load(recipe, options.pop("settings", ())), folder, name="small", despite=UNTRAINED, **options)


@pytest.mark.slow
def test_in_all_is_the_time_of_the_command_by_stage(recipe, tmp_path, capsys):
    was_asked(time.monotonic() - 20)
    begun = time.monotonic()
    report = distilled(recipe, tmp_path / "runs" / "a", settings=["baseline=true"])
    took = 20 + time.monotonic() - begun
    stages = report.time.stages
    assert {"starting", "bank", "training", "measuring", "baselines", "comparing", "page"} <= set(stages)
    assert report.time.seconds["in_all"] == pytest.approx(sum(stages.values()), abs=0.002)
    assert report.time.seconds["in_all"] == pytest.approx(took, abs=1.0) and stages["starting"] >= 20
    assert report.time.seconds["total"] < report.time.seconds["in_all"] - 20
    said = capsys.readouterr().err.splitlines()
    for line in ("small: run 1 of 2: small", "small: measuring the student", "small: writing the page",
                 "small: run 2 of 2: small on labels alone, seed 0", "small: the doctor's examination"):  # fmt: skip
        assert line in said
    kept = json.loads((tmp_path / "runs" / "a" / "report.json").read_text())
    assert kept["time"]["stages"] == stages
    # The page, which took its own part of it, says the whole.
    assert (
        f"{duration(kept['time']['seconds']['in_all'])} in all" in (tmp_path / "runs" / "a" / "report.html").read_text()
    )
    # Nothing is to be done: its time is not added.
    assert distilled(recipe, tmp_path / "runs" / "a", settings=["baseline=true"]).time.stages == stages
    assert "small: writing the page" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_was_killed_counts_what_was_done_before(recipe, tmp_path, monkeypatch, capsys):
    class Killed(BaseException):
        pass

    def dies(*arguments, **options):
        time.sleep(0.5)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(running, "measure", dies)
        begun = time.monotonic()
        with pytest.raises(Killed):
            distilled(recipe, tmp_path / "a", quiet=True)
        first = time.monotonic() - begun
    time.sleep(1.5)  # nobody works on it
    begun = time.monotonic()
    report = distilled(recipe, tmp_path / "a", quiet=True)
    second = time.monotonic() - begun
    assert report.time.stages["measuring"] >= 0.5
    assert report.time.seconds["in_all"] == pytest.approx(sum(report.time.stages.values()), abs=0.002)
    assert report.time.seconds["in_all"] == pytest.approx(first + second, abs=1.0)
    begun = time.monotonic()
    again = distilled(recipe, tmp_path / "a", quiet=True, restart=True)
    assert again.time.seconds["in_all"] == pytest.approx(time.monotonic() - begun, abs=1.0)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_the_time_of_a_search_is_that_of_all_its_commands_by_stage(recipe, tmp_path):
    recipe.write_text(f"{RECIPE}search: {{trials: 2, validation: 0.2, space: {{label_weight: {{float: [0, 1]}}}}}}\n")

    def searched(settings=()):
        was_asked(time.monotonic() - 20)
        return search(recipe, tmp_path / "found", name="small", settings=settings, winner=False, despite=UNTRAINED)

    first = searched().stages
    assert first["starting"] > 20 and first["trials"] > 0
    both = searched(["search.trials=3"])
    assert both.stages["starting"] > first["starting"] + 20 and both.stages["trials"] > first["trials"]
    assert json.loads((tmp_path / "found" / "search.json").read_text())["stages"] == both.stages
    assert str(both).splitlines()[-1].endswith(f"; {sum(both.stages.values()):.1f} in all")
