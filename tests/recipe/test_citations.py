"""The citations are whole BibTeX, nothing cites what is not there, and a recipe's papers are found."""

import re
import sys

import pytest

from keras_kd import METHODS
from keras_kd.models import MODELS
from keras_kd.recipe.citations import BIBTEX, read
from keras_kd.recipe.cite import NETWORKS, OURS, cite, keys
from keras_kd.utils.errors import UserError

TEACHERS = """\
data: {name: cifar100, views: crop_flip_cutmix, validation: 0.1}
teacher: {ensemble: [resnet56.yaml, wrn_40_2], calibrate: true}
student: {model: preresnet20, start_from_teacher: 0.5}
label_weight: 0.1
trust: {weight: 0.5}
terms:
  - {method: dkd, standardize: true, weight: {end_value: 1, duration: 20, shape: sigmoid}}
  - {method: kd, target: {topk: 5}, weight: {end_value: 0.9, stop_after: 3}}
  - {method: mine:Mine}
fit: {epochs: 5, optimizer: adamw, decay: cosine}
generations: 2
"""
MINE = """\
from keras_kd import KD


class Mine(KD):
    cites = ("me2026mine",)
"""


# What an entry may say; remarks on where it was read are not for print.
PRINTED = {"title", "author", "booktitle", "journal", "institution", "howpublished", "volume", "number", "pages"}
PRINTED |= {"year", "doi", "eprint", "archivePrefix", "url"}


@pytest.mark.parametrize("key", BIBTEX)
def test_an_entry_is_whole(key):
    entry = BIBTEX[key]
    begun = re.match(r"@(\w+)\{(\w+),\n", entry)
    assert begun and begun[1] in ("inproceedings", "article", "misc", "techreport") and begun[2] == key
    depth = 0
    for place, letter in enumerate(entry):
        depth += (letter == "{") - (letter == "}")
        assert depth > 0 or place == len(entry) - 1 or place < len(begun[1]) + 1, "a brace too early"
    assert depth == 0
    fields = dict(re.findall(r"^  (\w+) = \{(.*?)\},$", entry, flags=re.M | re.S))
    assert {"title", "author"} <= set(fields) <= PRINTED
    # What stands on a page of the web alone has no year.
    assert "url" in fields or re.fullmatch(r"(19|20)\d\d", fields["year"])
    assert re.fullmatch(r"\d+(--\d+)?", fields.get("pages", "1--2"))  # an article may have a number
    assert "et al" not in entry and all("," in one for one in fields["author"].split(" and "))
    venue = {"inproceedings": "booktitle", "article": "journal", "techreport": "institution"}.get(begun[1])
    assert venue is None or venue in fields
    assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "1234.5678"))
    assert ("eprint" in fields) == ("archivePrefix" in fields)


def test_no_paper_is_there_twice():
    numbers = [number for entry in BIBTEX.values() for number in re.findall(r"eprint = \{(.*)\}", entry)]
    assert sorted(set(numbers)) == sorted(numbers)


def test_all_that_is_cited_is_there_and_all_that_is_there_is_cited():
    assert keys() == set(BIBTEX)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_cites_the_paper_that_its_module_names(name):
    import importlib

    words = importlib.import_module(METHODS[name].__module__).__doc__
    numbers = {re.search(r"eprint = \{(.*)\}", BIBTEX[key]) for key in METHODS[name].cites}
    assert all(number is None or number[1] in words for number in numbers)
    year = METHODS[name].paper.split()[-1]
    assert any(f"year = {{{year}}}" in BIBTEX[key] for key in METHODS[name].cites)


def title_of(key):
    """The title of an entry in small letters, without what is only for BibTeX."""
    title = re.search(r"^  title = \{(.*?)\},$", BIBTEX[key], flags=re.M | re.S)[1]
    return " ".join(re.sub(r"[{}\\$]", "", title).lower().split())


@pytest.mark.parametrize("name", METHODS)
def test_the_title_in_a_methods_module_is_that_of_an_entry(name):
    words = " ".join(sys.modules[METHODS[name].__module__].__doc__.lower().split())
    assert any(title_of(key) in words for key in METHODS[name].cites)


def test_titles_that_are_written_in_an_unusual_way_are_as_published():
    published = r"  title = {Training data-efficient image transformers \& distillation through attention},"
    assert published in BIBTEX["touvron2021deit"].splitlines()


@pytest.mark.parametrize(
    ("data", "key", "title"),
    [
        ("imagenet_resized", "chrabaszcz2017downsampled", "a downsampled variant of imagenet as an alternative to the"),
        ("imagenette", "howard_imagenette", "imagenette"),
        ("imagewang", "howard_imagewang", "imagewang"),
        ("imagenet2012", "russakovsky2015imagenet", "imagenet large scale visual recognition challenge"),
    ],
)
def test_a_data_set_cites_its_own_paper(data, key, title, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"data: {{name: {data}/64x64}}\nstudent: resnet8\nfit: {{epochs: 1}}\n")
    assert cited(cite(str(recipe)))[key] == f"mine.yaml: data set {data}/64x64"
    assert title_of(key).startswith(title)


@pytest.mark.parametrize("name", MODELS)
def test_every_network_of_the_zoo_is_cited_or_ours(name):
    assert name.startswith((*NETWORKS, *OURS))


def cited(text):
    """{key: the comment before its entry}."""
    return {key: line for line, key in re.findall(r"^# (.*)\n@\w+\{(\w+),", text, flags=re.M)}


def test_the_papers_of_a_recipe_and_of_its_teachers():
    assert cited(cite("resnet56_to_resnet20")) == {
        "hinton2015kd": "resnet56_to_resnet20.yaml: kd",
        "he2016resnet": "resnet56_to_resnet20.yaml: student resnet20; resnet56.yaml: student resnet56",
        "krizhevsky2009cifar": "resnet56_to_resnet20.yaml: data set cifar100; resnet56.yaml: data set cifar100",
    }


def test_every_way_of_teaching_is_cited(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "all.yaml").write_text(TEACHERS)
    text = cite("all.yaml")
    of_all = {key: line.split(";")[0].removeprefix("all.yaml: ") for key, line in cited(text).items()}
    assert of_all == {
        "zhao2022dkd": "dkd",
        "sun2024logit": "standardized logits of dkd",
        "hinton2015kd": "kd, ensemble of teachers",
        "tang2020understanding": "target topk of kd",
        "laine2017temporal": "ramp-up of dkd",
        "cho2019efficacy": "early stop of kd",
        "he2016identity": "student preresnet20",
        "zagoruyko2016wrn": "teacher wrn_40_2",
        "stanton2021does": "ensemble of teachers, student's start from its teacher",
        "guo2017calibration": "calibrated teacher",
        "yang2021calibration": "calibrated teacher",
        "furlanello2018born": "generations",
        "lukasik2022teachers": "trust by class",
        "krizhevsky2009cifar": "data set cifar100",
        "yun2019cutmix": "cutmix of the training images",
        "beyer2022patient": "teacher that is shown the cutmix of its student",
        "loshchilov2017sgdr": "cosine decay of the learning rate",
        "loshchilov2019adamw": "optimizer adamw",
        "he2016resnet": "resnet56.yaml: student resnet56",
    }
    assert text.rstrip().endswith("# Without an entry here: all.yaml: mine:Mine (me2026mine)")


def test_a_teacher_with_a_teacher_is_an_assistant():
    line = cited(cite("teaching/assistant_resnet110_to_resnet20"))["mirzadeh2020assistant"]
    assert line == "assistant_resnet110_to_resnet20.yaml: assistant resnet110_to_resnet56.yaml"


def test_a_recipe_with_errors_is_refused():
    with pytest.raises(UserError, match="no such recipe"):
        cite("no_such_recipe")


@pytest.mark.parametrize(
    "text, message",
    [
        ("@misc{a,\n  year = {2026},\n}\n\n@misc{a,\n  year = {2026},\n}\n", "mine.bib: a is there twice"),
        ("@misc{a,\n  year = {2026},\n\n@misc{b,\n  year = {2026},\n}\n", "mine.bib: found '@misc{a,'; expected"),
        ("some words\n", "mine.bib: found 'some words'; expected"),
    ],
)
def test_what_is_no_entry_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read(text, "mine.bib")
