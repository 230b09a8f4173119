"""The documents say what is true: examples run, recipes and errors are the real ones, generated pages are current."""

import re
import runpy
from pathlib import Path

import pytest

from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.M | re.S)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_readmes_python_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[number], "README.md", "exec"), {})
    assert (tmp_path / "student.keras").exists()


def test_the_readmes_recipe_is_the_real_one():
    assert blocks("yaml") == [(ROOT / "recipes" / "resnet56_to_resnet20.yaml").read_text()]


def test_the_readmes_errors_are_the_real_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(
        "data: digits\nteacher: digits_teacher.yaml\nstudent: digits_tiny\nlabel_weight: 0.1\n"
        "terms: [{method: kd, temprature: 4}]\nfit: {epochs: 0}\n"
    )
    with pytest.raises(UserError) as error:
        load("bad.yaml")
    assert f"```\n{error.value}\n```" in README


def test_the_set_up_is_two_lines():
    lines = [line for line in README.splitlines() if line.startswith("pip install")]
    assert lines == [
        "pip install . && keras-kd distill recipes/digits.yaml",
        "pip install -e '.[dev]' && pytest -n auto && KERAS_BACKEND=jax pytest -n auto",
    ]


def test_generated_pages_are_current():
    pages = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]
    for name, page in pages.items():
        assert (ROOT / "docs" / name).read_text() == page(), f"docs/{name}: run `python docs/generate.py`"


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"])
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_readme_has_no_gaps():
    pages = README + (ROOT / "docs" / "performance.md").read_text()
    assert not re.search(
        r"\b(TODO|COST|STEP|DIGITS|RECIPE|XXX|[A-Z]+_[A-Z]+|[A-Z]{2,}_\w+)\b",
        pages.replace("KERAS_BACKEND", "").replace("TF_ENABLE_ONEDNN_OPTS", ""),
    )


OF_FOLDERS = {
    "report.json",
    "search.json",
    "bank.json",
    "about.json",
    "made.json",
    "bench.json",
    "pruning.json",
    "class_names.json",
}


def test_every_result_that_is_named_is_there_and_every_result_is_named():
    pages = README + "".join(
        (ROOT / "docs" / name).read_text()
        for name in ("exports.md", "findings.md", "compress.md", "performance.md", "prune.md", "safety.md")
    )
    named = re.findall(r"`(\w+\.json)`", pages)
    # Those of a GPU are named before they are there.
    of_a_gpu = re.findall(r"`(gpu_\w+\.json)`", (ROOT / "docs" / "gpu.md").read_text())
    results = {path.name for path in (ROOT / "benchmarks" / "results").iterdir()}
    assert results <= {*named, *of_a_gpu, "README.md"} and set(named) - OF_FOLDERS <= results


def test_the_readmes_search_is_one(tmp_path):
    from keras_kd.workflows.search.space import SearchInput, space_of

    (text,) = [block for block in re.findall(r"^```\n(search:\n.*?)^```$", README, flags=re.M | re.S)]
    recipe = (ROOT / "recipes" / "digits.yaml").read_text().replace("digits_teacher.yaml", "digits_cnn")
    (tmp_path / "mine.yaml").write_text(recipe + text)
    space = space_of(load(tmp_path / "mine.yaml"), SearchInput(str(tmp_path / "mine.yaml")))
    assert [one.path for one in space] == ["terms.0.temperature", "terms.0.method", "terms.0.beta"]
