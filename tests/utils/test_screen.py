"""Whatever a name holds, a terminal that it is printed on obeys nothing of it."""

import json
import os

import pytest

from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import HARMFUL, printable
from keras_kd.utils.json_safe import json_text
from keras_kd.utils.paths import user_path
from keras_kd.utils.screen import print_error, print_note, print_note_once, print_result

NASTY = ["\x1b[31mred", "a\0b", "a\x9b2J", "a\rb", "a\u202eb", "\udcff\udcfe", "a\x7f", "a\u2028b", "\u2066x", "\x07"]


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_names_are_written_out(capsys, name):
    print_note(f"a {name}")
    print_error(UserError(f"a {name}"))
    print_result(f"a {name}")
    said = capsys.readouterr()
    for line in (said.out + said.err).split("\n"):
        assert not HARMFUL.search(line)
    assert printable(name) in said.out and printable(name) in said.err.split("\n")[0]
    said.out.encode("utf-8")


def test_names_of_all_languages_stay(capsys):
    for name in ("Kätzchen", "狗", "naïve – «x»", "قط", "two\nlines"):
        print_result(name)
        assert capsys.readouterr().out == f"{name}\n"


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_json_says_the_same_and_holds_nothing_harmful(name):
    text = json_text({"name": name, "list": [1, None]})
    assert json.loads(text) == {"name": name, "list": [1, None]}
    assert not HARMFUL.search(text.replace("\n", "")) and text.encode("utf-8")


def test_what_was_said_is_not_said_again(capsys):
    for _ in range(2):
        print_note_once("only once, of this test")
    assert capsys.readouterr().err == "only once, of this test\n"


def test_a_pipe_is_no_path_to_read_from(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/null"):
        with pytest.raises(UserError, match="a pipe, socket or device; expected a file or a folder$"):
            user_path(path)
    (tmp_path / "loop").symlink_to("loop")
    assert user_path(tmp_path / "loop") == str(tmp_path / "loop")
