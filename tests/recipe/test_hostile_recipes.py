"""Recipes that nobody writes on purpose, or somebody does: read by YAML 1.2, or refused at once in plain words."""

import codecs
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from keras_kd.methods import METHODS
from keras_kd.recipe import schema_data
from keras_kd.recipe.files import find, headline, read
from keras_kd.recipe.load import load
from keras_kd.recipe.schema import Recipe
from keras_kd.recipe.yaml_reader import NotYamlError, read_yaml
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.training.schedules import Schedule
from keras_kd.utils.errors import UserError
from keras_kd.workflows.check_recipe import check_recipe
from keras_kd.workflows.study.study_file import Study

ROOT = Path(__file__).parents[2]
GOOD = """\
data: {name: digits}
teacher: digits_teacher.yaml
student: digits_tiny
label_weight: 0.1
terms: [{method: kd, weight: 0.9, temperature: 4}]
fit: {epochs: 2}
"""
NO_TAG = "not valid YAML: could not determine a constructor for the tag"
NO_TAG_FIX = "leave the tag out"
WHOLE = "expected a whole number of at most 18 digits"


def but(old, new):
    assert old in GOOD, old
    return GOOD.replace(old, new)


def epochs(text):
    return but("epochs: 2", f"epochs: {text}")


def laughs(first, row):
    """Aliases of aliases: nine times as much from line to line."""
    lines = [f"a: &a {first}"]
    for one, next_one in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{next_one}: &{next_one} {row(f'*{one}')}")
    return "\n".join(lines) + "\n"


REFUSED = {
    "an empty integer": (epochs("!!int ''"), ["6: fit.epochs: found '' with the tag !!int; leave the tag out"]),
    "a word as integer": (epochs("!!int x"), ["6: fit.epochs: found 'x' with the tag !!int; leave the tag out"]),
    "true as integer": (epochs("!!int true"), ["6: fit.epochs: found 'true' with the tag !!int; leave the tag out"]),
    "a timestamp": (epochs("!!timestamp x"), [f"6: {NO_TAG} 'tag:yaml.org,2002:timestamp'; {NO_TAG_FIX}"]),
    "a set": (epochs("!!set {a}"), [f"6: {NO_TAG} 'tag:yaml.org,2002:set'; {NO_TAG_FIX}"]),
    "fields with the tag of a list": (
        epochs("!!seq {a: 1}"),
        [f"6: {NO_TAG} 'tag:yaml.org,2002:seq'; {NO_TAG_FIX}"],
    ),
    "a tag of somebody's": (but("digits_tiny", "!mine digits_tiny"), [f"3: {NO_TAG} '!mine'; {NO_TAG_FIX}"]),
    "5,000 digits": (epochs("9" * 5000), [f"6: fit.epochs: is {'9' * 80}... (5,000 characters); {WHOLE}"]),
    "2^63": (epochs(str(2**63)), [f"6: fit.epochs: is 9223372036854775808; {WHOLE}"]),
    "a fraction of 5,000 digits": (
        but("0.1", "9" * 5000 + ".5"),
        [f"4: label_weight: is {'9' * 80}... (5,002 characters); expected a number below 1e308"],
    ),
    "1e400": (but("0.1", "1e400"), ["4: label_weight: is 1e400; expected a number below 1e308"]),
    "infinity": (but("0.1", "-.inf"), ["4: label_weight: is -inf; expected a finite number"]),
    "a base of 60": (epochs("1:30"), ["6: fit.epochs: is '1:30'; expected a whole number"]),
    "a date": (epochs("2026-01-01"), ["6: fit.epochs: is '2026-01-01'; expected a whole number"]),
    "a superscript": (epochs("²"), ["6: fit.epochs: is '²'; expected a whole number"]),
    "keys that are not text": (
        GOOD + "1: x\n[a]: y\n? {b: c}\n: z\n~: q\ntrue: r\n1.5: s\n'a\\nb': t\n\"\\x01\": u\n",
        [
            "7: found 1 as a name; expected text, in quotes: '1'",
            "8: found a list as a name; expected text before the colon",
            "9: found fields as a name; expected text before the colon",
            "11: found ~ as a name; expected text, in quotes: '~'",
            "12: found true as a name; expected text, in quotes: 'true'",
            "13: found 1.5 as a name; expected text, in quotes: '1.5'",
            "15: as a name: found text with the character U+0001; leave it out",
        ],
    ),
    "a key of two lines": (
        GOOD + '"a\\nb": 1\n',
        ["7: found the name 'a\\nb'; expected one line of at most 200 characters"],
    ),
    "a key of 300 letters": (
        GOOD + "x" * 300 + ": 1\n",
        [f"7: found the name '{'x' * 79}... (302 characters); expected one line of at most 200 characters"],
    ),
    "a key that is there twice": (GOOD + "seed: 1\nseed: 2\n", ["8: seed: given twice, in lines 7 and 8; keep one"]),
    "twice in one line": (epochs("2, epochs: 3"), ["6: fit.epochs: given twice, in line 6; keep one"]),
    "merged twice": (
        GOOD + "bank: {<<: {mode: live}, <<: {mode: full}}\n",
        ["7: bank.<<: given twice, in line 7; keep one"],
    ),
    "a merge of a number": (GOOD + "bank: {<<: 1}\n", ["7: bank.<<: merges what has no fields; write the fields out"]),
    "an anchor that holds itself": (but("0.1", "&a [*a]"), ["4: the anchor &a holds itself; write the fields out"]),
    "fields that merge themselves": (
        but("{epochs: 2}", "&a {<<: *a}"),
        ["6: the anchor &a holds itself; write the fields out"],
    ),
    "no such anchor, of a name with tag in it": (
        but("0.1", "*stage"),
        ["4: not valid YAML: found undefined alias 'stage'; quote text that begins with *"],
    ),
    "no such anchor": (
        but("0.1", "*a"),
        ["4: not valid YAML: found undefined alias 'a'; quote text that begins with *"],
    ),
    "expanding aliases": (
        laughs("[1, 1, 1, 1, 1, 1, 1, 1, 1]", lambda one: f"[{', '.join([one] * 9)}]") + GOOD,
        ["1: has more than 30,000 values once aliases are written out; expected fewer"],
    ),
    "nested lists": (but("0.1", "[" * 3000 + "]" * 3000), ["4: is nested deeper than 50 levels; expected fewer"]),
    "nested lines": ("- " * 3000 + "x", ["1: is nested deeper than 50 levels; expected fewer"]),
    "many values": (
        GOOD + "seeds: [" + "1, " * 40_000 + "1]\n",
        ["7: has more than 30,000 values; expected fewer"],
    ),
    "a second document": (GOOD + "---\n" + GOOD, ["7: a second document begins here; expected one: leave `---` out"]),
    "NUL": (GOOD + "\0", ["7: not valid YAML: found the character U+0000, which no text has; leave it out"]),
    "an escape of NUL": (
        but("digits_tiny", '"~\\0"'),
        ["3: student: found text with the character U+0000; leave it out"],
    ),
    "a terminal's escape": (
        but("digits_tiny", '"\\e[31m"'),
        ["3: student: found text with the character U+001B; leave it out"],
    ),
    "half of a character": (
        but("digits_tiny", '"\\ud800"'),
        ["3: student: is '\\ud800'; half of a character, which no text has"],
    ),
    "an escape beyond Unicode": (
        but("digits_tiny", '"\\UFFFFFFFF"'),
        ["3: not valid YAML: Python int too large to convert to C int; check indentation and brackets"],
    ),
    "a name of two lines": (
        but("{name: digits}", '{name: "a\\nb"}'),
        ["1: data.name: is 'a\\nb'; expected text of one line"],
    ),
    "a seed of 1e32": (GOOD + "seed: 1e32\n", [f"7: seed: is 1e+32; {WHOLE}"]),
    "a seed of 2^31": (GOOD + "seed: 2147483648\n", ["7: seed: is 2147483648; expected less than 2,147,483,648"]),
    "a data seed of 1e32": (but("{name: digits}", "{name: digits, seed: 1e32}"), [f"1: data.seed: is 1e+32; {WHOLE}"]),
    "a batch of 1e20": (epochs("2, batch_size: 1e20"), [f"6: fit.batch_size: is 1e+20; {WHOLE}"]),
    "a batch of 10^12": (
        epochs("2, batch_size: 1000000000000"),
        ["6: fit.batch_size: is 1000000000000; expected 1,000,000 or less"],
    ),
    "a rate of 1e300": (
        epochs("2, learning_rate: 1e300"),
        ["6: fit.learning_rate: is 1e+300; expected 1,000,000,000 or less"],
    ),
    "a temperature of 1e30": (
        but("temperature: 4", "temperature: 1e30"),
        ["5: terms[0].temperature: is 1e+30; expected 10000 or less"],
    ),
    "a mean of NaN": (
        but("{name: digits}", "{name: digits, mean: [.nan], std: [1]}"),
        ["1: data.mean[0]: is nan; expected a finite number"],
    ),
    "an argument of NaN": (
        but("digits_tiny", "{model: digits_tiny, arguments: {a: [.nan]}}"),
        ["3: student.arguments.a: is a list of 1; expected finite numbers"],
    ),
    "a class of 1e30": (
        but("{name: digits}", "{name: digits, classes: [0, 1e30]}"),
        [f"1: data.classes[1]: is 1e+30; {WHOLE}"],
    ),
    "a delay of 1e16 epochs": (
        but("0.1", "{end_value: 1, delay: 10000000000000000}"),
        ["4: label_weight.delay: is 10000000000000000; expected 1,000,000,000,000,000 or less"],
    ),
    "bounds of NaN and infinity": (
        GOOD + "search: {space: {label_weight: {float: [.nan, .inf]}}}\n",
        [
            "7: search.space.label_weight.float[0]: is nan; expected a finite number",
            "7: search.space.label_weight.float[1]: is inf; expected a finite number",
        ],
    ),
    "one bound": (
        GOOD + "search: {space: {label_weight: {float: [1]}}}\n",
        ["7: search.space.label_weight.float[1]: is missing; expected one item more"],
    ),
    "1.5 images to judge by": (
        GOOD + "search: {validation: 1.5}\n",
        ["7: search.validation: is 1.5; expected a fraction below 1 or a whole number"],
    ),
    "seeds past the last": (
        GOOD + "seed: 2147483647\nsearch: {seeds: 3}\n",
        ["8: search.seeds: the last of 3 from seed 2147483647 on is 2147483649; expected seeds below 2147483648"],
    ),
    "a path that sets": (
        but("digits_teacher.yaml", "{model: digits_teacher.yaml, settings: {fit.epochs=1: 0}}"),
        ["2: teacher.settings.fit.epochs=1: is 'fit.epochs=1'; expected a dotted path, such as fit.epochs"],
    ),
    "1,000 terms": (
        but("[{method: kd, weight: 0.9, temperature: 4}]", f"[{', '.join(['kd'] * 1000)}]"),
        ["5: terms: is a list of 1000; expected at most 100 items"],
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines_of(call):
    with pytest.raises(UserError) as error:
        call()
    return str(error.value).splitlines()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_line(name):
    text, expected = REFUSED[name]
    Path("bad.yaml").write_text(text)
    begun = time.perf_counter()
    assert lines_of(lambda: load("bad.yaml")) == [f"bad.yaml:{one}" for one in expected]
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    "given, value",
    [
        ("010", 10),
        ("-010", -10),
        ("0o17", 15),
        ("0x1F", 31),
        ("+5", 5),
        ("1e3", 1000.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0b11", "0b11"),
        ("2026-01-01", "2026-01-01"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("y", "y"),
        ("=", "="),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("Null", None),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!float 5", 5.0),
        ("!!int '5'", 5),
        ("!!null ''", None),
        ("'5'", "5"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("&a [1]", [1]),
        ("{<<: {a: 1, b: 2}, b: 3}", {"a": 1, "b": 3}),
        ("{b: 3, <<: [{a: 1}, {a: 2, c: 4}]}", {"a": 1, "c": 4, "b": 3}),
        ("{'<<': 1}", {"<<": 1}),
        (str(2**63 - 1), 2**63 - 1),
    ],
)
def test_values_are_those_of_yaml_1_2(given, value):
    read_back = read_yaml(f"field: {given}")[0]["field"]
    assert read_back == value and type(read_back) is type(value)


def test_a_class_named_no_stays_text_and_010_is_ten():
    Path("mine.yaml").write_text(
        GOOD.replace("epochs: 2", "epochs: 010, nesterov: yes").replace(
            "digits_tiny", "{model: my_nets:net, arguments: {names: [no, yes, on]}}"
        )
    )
    recipe = load("mine.yaml")
    assert (recipe.fit.epochs, recipe.fit.nesterov) == (10, True)
    assert recipe.student.arguments == {"names": ["no", "yes", "on"]}


def test_the_order_and_the_lines_of_what_is_merged():
    data, lines = read_yaml("a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  z: 3\n  x: 4\n")
    assert list(data["b"].items()) == [("x", 4), ("y", 2), ("z", 3)]
    assert (lines["b", "x"], lines["b", "y"], lines["b", "z"]) == (7, 3, 6)


def test_what_an_alias_stands_for_is_nobody_elses():
    data, _ = read_yaml("a: &a {x: [1]}\nb: *a\n")
    data["b"]["x"].append(2)
    assert data["a"] == {"x": [1]}


@pytest.mark.parametrize(
    "text",
    ["# comment\n" * 45_000, "#" * 450_000, f"a: '{'x' * 450_000}'", "a: |\n" + " x\n" * 150_000, "\n" * 500_000]
    + ["".join(f"a{number}: 1\n" for number in range(40_000)), "? " * 200_000, "{" * 400_000, "&a " * 100_000]
    + ["a0: &a0 [1]\n" + "".join(f"a{one}: &a{one} [*a{one - 1}]\n" for one in range(1, 9000))]
    + [laughs("{x: 1}", lambda one: f"{{<<: [{', '.join([one] * 9)}]}}"), "%A b\n" * 80_000 + "--- 1"],
    ids=str.split if False else lambda text: text[:8].strip() or "lines",
)
def test_the_largest_texts_are_read_or_refused_in_seconds(text):
    begun = time.perf_counter()
    try:
        read_yaml(text)
    except NotYamlError as error:
        assert error.problems
    assert time.perf_counter() - begun < 5


TEXTS = ["1e3", "0o17", "010", "no", "1:30", "", "~", "5.", "1_000", "x\ny", "\U0001f600", "<<"]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_written_so_that_both_versions_read_text(text):
    written = write_yaml({"field": text, text: 1} if text and text.isprintable() else {"field": text})
    assert read_yaml(written)[0]["field"] == yaml.safe_load(written)["field"] == text


def test_what_is_written_stays_as_it_was():
    plain = {"a": {"b": [1, 2.5, 5e-4], "c": None}, "d": "text", "e": [], "f": True, "g": {"h": {"i": 1e20}}}
    assert write_yaml(plain) == yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=100)


WIDE = "not UTF-8, but UTF-16 or UTF-32: save it as UTF-8; "
FILES = {
    "UTF-16": (codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"), WIDE),
    "UTF-16 BE": (codecs.BOM_UTF16_BE + GOOD.encode("utf-16-be"), WIDE),
    "UTF-32": (GOOD.encode("utf-32"), WIDE),
    "Latin-1": ("# é\n".encode("latin-1") + GOOD.encode(), "not a text file; "),
}


@pytest.mark.parametrize("name", FILES)
def test_other_encodings_are_named(name):
    content, said = FILES[name]
    Path("bad.yaml").write_bytes(content)
    assert lines_of(lambda: load("bad.yaml")) == [f"bad.yaml: {said}expected a recipe in YAML (UTF-8)"]
    assert headline("bad.yaml") in ("", "\N{REPLACEMENT CHARACTER}")


def test_a_byte_order_mark_and_ends_of_lines_of_windows():
    Path("mine.yaml").write_bytes(codecs.BOM_UTF8 + b"# Mine.\r\n" + GOOD.replace("\n", "\r\n").encode())
    assert load("mine.yaml").fit.epochs == 2 and headline("mine.yaml") == "Mine."


def test_what_is_no_recipe_file():
    os.mkfifo("pipe.yaml")
    Path("folder.yaml").mkdir()
    Path("loop.yaml").symlink_to("loop.yaml")
    with open("large.yaml", "wb") as file:
        file.truncate(10**8)
    expected = {
        "": "recipe: is empty; give a path",
        ".": ".: a folder; expected a recipe file (.yaml)",
        "/": "/: a folder; expected a recipe file (.yaml)",
        "..": "..: a folder; expected a recipe file (.yaml)",
        "~\0": "recipe: found '~\\x00'; expected a path, which has no NUL character; leave it out",
        "\ud800": "recipe: found '\\ud800', with half of a character; expected a path",
        "a\nb": "a\\nb: no such recipe; `keras-kd list recipes` names all",
        "pipe.yaml": "recipe: found 'pipe.yaml', a pipe, socket or device; expected a file or a folder",
        "/dev/zero": "recipe: found '/dev/zero', a pipe, socket or device; expected a file or a folder",
        "folder.yaml": "folder.yaml: a folder; expected a recipe file (.yaml)",
        "loop.yaml": "loop.yaml: no such recipe; `keras-kd list recipes` names all",
        "large.yaml": "large.yaml: has 100.0 MB; expected a recipe of at most 0.5 MB",
        "a/" * 3000 + "x": f"{'a/' * 40}... (6,001 characters): cannot be read: File name too long",
    }
    assert {name: "\n".join(lines_of(lambda name=name: load(name))) for name in expected} == expected
    of_teachers = {"pipe.yaml": expected["pipe.yaml"].replace("recipe", "bad.yaml:2: teacher"), "folder.yaml": ""}
    for name, said in of_teachers.items():
        Path("bad.yaml").write_text(but("digits_teacher.yaml", name))
        assert (said or expected[name]) in lines_of(lambda: load("bad.yaml"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read():
    Path("mine.yaml").write_text(GOOD)
    Path("mine.yaml").chmod(0)
    assert lines_of(lambda: load("mine.yaml")) == ["mine.yaml: cannot be read: Permission denied"]


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("seed=!!int ''", "--set seed=!!int '': seed: found '' with the tag !!int; leave the tag out"),
        ("seed=!!timestamp x", "--set seed=!!timestamp x: '!!timestamp x' is not a valid YAML value"),
        (
            f"seed={'9' * 5000}",
            f"--set seed={'9' * 195}... (5,005 characters): seed: is {'9' * 80}... (5,000 characters); {WHOLE}",
        ),
        ("seed=\0", "--set seed=\\x00: '\\x00' is not a valid YAML value"),
        ("seed=[[", "--set seed=[[: '[[' is not a valid YAML value"),
        (
            "bank={1: 2}",
            "--set bank={1: 2}: bank: found 1 as a name; expected text, in quotes: '1'",
        ),
        (
            f"terms.{'9' * 150}=1",
            f"--set terms.{'9' * 150}=1: terms is a list of 1; expected a number below 1 in place of '{'9' * 150}'",
        ),
        ("terms.²=1", "--set terms.²=1: terms is a list of 1; expected a number below 1 in place of '²'"),
        (
            f"terms.{'9' * 5000}=1",
            f"--set terms.{'9' * 194}... (5,008 characters): has a name of 5,000 characters; expected 200 at most",
        ),
        (f"a{'.b' * 100}=1", f"--set a{'.b' * 99}.... (203 characters): leads 101 levels deep; expected 50 at most"),
        ("a\nb=1", "--set a\\nb=1: expected dotted.path=value, such as fit.epochs=3"),
        ("student='a\n\n b'", "--set student='a\\n\\n b': student: no model 'a\\nb'; `keras-kd list models` names all"),
    ],
    ids=lambda value: value[:20].encode("ascii", "replace").decode(),
)
def test_overrides(setting, expected):
    Path("good.yaml").write_text(GOOD)
    assert lines_of(lambda: load("good.yaml", [setting]))[0] == expected


LEADS_TO = {
    "a settings cycle": (
        "{model: other.yaml, settings: {teacher: bad.yaml}}",
        [
            'bad.yaml:2: teacher.settings: teacher="bad.yaml": teacher: bad.yaml leads back to itself: other.yaml, '
            "bad.yaml, other.yaml; a teacher must come before its student"
        ],
    ),
    "settings that are none": (
        "{model: other.yaml, settings: {fit.epochs: 0, fit.epoch: 1}}",
        [
            "bad.yaml:2: teacher.settings: fit.epoch=1: fit.epoch: no such field for fit; did you mean 'epochs'?",
        ],
    ),
    "a teacher that is no recipe": (
        "wrong.yaml",
        ["wrong.yaml:1: expected fields such as 'data:' and 'student:', got 'x'"],
    ),
    "a teacher's teacher": (
        "{model: other.yaml, settings: {teacher: {model: third.yaml, settings: {seed: -1}}}}",
        ["other.yaml:2: teacher.settings: seed=-1: seed: is -1; expected 0 or more"],
    ),
}


@pytest.mark.parametrize("name", LEADS_TO)
def test_validate_follows_what_a_recipe_leads_to(name):
    teacher, expected = LEADS_TO[name]
    Path("other.yaml").write_text(GOOD)
    Path("third.yaml").write_text(GOOD)
    Path("wrong.yaml").write_text("x")
    Path("bad.yaml").write_text(but("digits_teacher.yaml", teacher))
    assert lines_of(lambda: check_recipe(load("bad.yaml"), "bad.yaml")) == expected


def test_many_paths_to_one_teacher_are_walked_once():
    for number in range(16):
        taught = f"[{number + 1}.yaml, {{model: {number + 1}.yaml, seed: 1}}]" if number < 15 else "digits_teacher.yaml"
        Path(f"{number}.yaml").write_text(but("digits_teacher.yaml", taught))
    begun = time.perf_counter()
    check_recipe(load("0.yaml"), "0.yaml")
    assert time.perf_counter() - begun < 10


SPACES = {
    "{fit.epochs: {int: [1, 2]}}": "search.space.fit.epochs: cannot be searched: trials have data, budget and seeds in "
    "common; expected a path in label_weight, terms, fit, student, teacher, peers, trust, meta, selection, data.views",
    f"{{label_weight: {{choice: {list(range(300))}}}}}": "search.space: has 300 values in all; expected 250 at most, "
    "or ranges",
    "{label_weight: {float: [0, 1000000000]}, terms.0.temperature: {float: [1, 100000]}}": "search.space."
    "terms.0.temperature: no recipe with label_weight=",
}


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space[:20])
def test_validate_tries_out_the_search(space):
    Path("bad.yaml").write_text(f"{GOOD}search: {{space: {space}}}\n")
    (said,) = lines_of(lambda: check_recipe(load("bad.yaml"), "bad.yaml"))
    assert said.startswith(f"bad.yaml:7: {SPACES[space]}")


BEGINS = [
    "bad.yaml:8: search.objective: which way is entropy better?",
    "bad.yaml:10: search.space.label_weight: found float: [1, 0]; expected the smaller number first",
    "bad.yaml:11: search.space.seed: cannot be searched",
]


def test_every_error_of_a_search_has_the_line_or_the_override_of_its_setting():
    search = """\
search:
  objective: entropy
  space:
    label_weight: {float: [1, 0]}
    seed: {int: [1, 2]}
"""
    Path("bad.yaml").write_text(f"{GOOD}{search}")
    said = lines_of(lambda: check_recipe(load("bad.yaml"), "bad.yaml"))
    assert [one[: len(begins)] for one, begins in zip(said, BEGINS, strict=True)] == BEGINS
    search = "search:\n  space:\n    fit.l2: {float: [0, 1]}\n    terms.0.tempo: {int: [1, 2]}\n"
    Path("bad.yaml").write_text(f"{GOOD}{search}")
    (said,) = lines_of(lambda: check_recipe(load("bad.yaml"), "bad.yaml"))
    assert said.startswith("bad.yaml:10: search.space.terms.0.tempo: no recipe with ")
    given = ["search.space={seed: {int: [1, 2]}}"]
    (said,) = lines_of(lambda: check_recipe(load("bad.yaml", given), "bad.yaml", given))
    assert said.startswith("--set search.space={seed: {int: [1, 2]}}: search.space.seed: cannot be searched")


def parts_of(model):
    """A model and those that its fields hold."""
    found = [model]
    for field in model.model_fields.values():
        for one in inner(field.annotation):
            if isinstance(one, type) and issubclass(one, BaseModel):
                found += parts_of(one)
    return found


def inner(annotation):
    yield annotation
    for one in getattr(annotation, "__args__", ()):
        yield from inner(one)


BEYOND = (1e31, -1e31, 10**18, -(10**18), float("inf"), float("-inf"), float("nan"))
FIELDS = sorted(
    {
        (part, name)
        for model in (Recipe, Study, Schedule, schema_data.ViewsSpec, *METHODS.values())
        for part in parts_of(model)
        for name, field in part.model_fields.items()
        if {int, float} & set(inner(field.annotation)) or "Target" in str(field.annotation)
    },
    key=str,
)


def test_every_number_has_bounds():
    assert len(FIELDS) > 100
    taken = []
    for part, name in FIELDS:
        field = part.model_fields[name]
        adapter = TypeAdapter(Annotated[(field.annotation, *field.metadata, None)])
        for value in BEYOND:
            fields = [{one: value} for one in ("end_value", "start_value", "topk", "pt", "sim")]
            for given in (value, [value], [value, value], [value] * 3, [[value]], *fields):
                with contextlib.suppress(ValidationError, UserError):
                    adapter.validate_python(given)
                    taken.append((part.__name__, name, given))
    assert sorted({one[:2] for one in taken}) == [], taken[:20]


def test_the_ends_of_a_schedule_are_those_of_all_its_epochs():
    chance = random.Random(0)
    for _ in range(400):
        one = Schedule(
            end_value=chance.choice((0, 1, 2.5, -1)),
            start_value=chance.choice((0, 0.5, 3)),
            delay=chance.choice((0, 1, 2, 5)),
            duration=chance.choice((0, 1, 2, 3, 7)),
            shape=chance.choice(("linear", "cosine", "sigmoid")),
            stop_after=chance.choice((None, 1, 2, 4, 9, 30)),
        )
        for epochs in (None, 1, 2, 3, 6, 50):
            every = [one.at(epoch) for epoch in range(50 if epochs is None else epochs)]
            ends = one.values(epochs)
            assert (min(ends), max(ends), any(ends), 0 in ends) == (min(every), max(every), any(every), 0 in every)


BY_EPOCH = [
    "label_weight: {end_value: 1, start_value: 1, delay: 1000000000000}",
    "label_weight: {end_value: 1, duration: 100000000}",
    "label_weight: {end_value: 1, stop_after: 1000000000000}",
    "label_weight: {end_value: 0.1, start_value: 0.2, duration: 1000000000000, shape: cosine}",
]


@pytest.mark.parametrize("weight", BY_EPOCH)
def test_schedules_over_many_epochs_are_read_at_once(weight):
    temperature = "temperature: {end_value: 4, start_value: 1, duration: 20000000}"
    Path("mine.yaml").write_text(but("label_weight: 0.1", weight).replace("temperature: 4", temperature))
    begun = time.perf_counter()
    load("mine.yaml")
    assert time.perf_counter() - begun < 2


def test_epochs_that_are_kept():
    Path("mine.yaml").write_text(epochs("10, checkpoints: [3, 4], checkpoint_every: 4"))
    fit = load("mine.yaml").fit
    assert fit.kept() == [3, 4, 8, 10] == [epoch for epoch in range(1, 11) if fit.keeps(epoch)]


def test_reading_leaves_the_next_reading_alone():
    Path("mine.yaml").write_text(GOOD)
    read(Path("mine.yaml"))[0]["fit"]["epochs"] = 5
    assert read(Path("mine.yaml"))[0]["fit"] == {"epochs": 2}


@pytest.mark.slow
def test_recipes_changed_at_random():
    script = ROOT / "benchmarks" / "mutated_recipes.py"
    command = [sys.executable, str(script), "--quick", "--json", "--cases", "400", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)["counts"]
    assert all(set(filter(row.get, row)) == {"taken", "refused"} for row in counts.values()), counts
    assert find("digits").name == "digits.yaml"
