"""Every method says what knowledge it passes on, who teaches, and which problems a source says that it answers."""

import pytest

from keras_kd import METHODS, Method
from keras_kd.methods.taxonomy import KNOWLEDGE, PROBLEMS, SCHEMES, STUDIED
from keras_kd.utils.errors import UserError

FACTS = ("knowledge", "scheme", "problems")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_states_all_three_itself(name):
    kind = METHODS[name]
    missing = [fact for fact in FACTS if fact not in vars(kind)]
    assert not missing, f"{kind.__module__}: say the {', '.join(missing)} of {kind.__name__}; methods/base.py says what"
    assert kind.knowledge in KNOWLEDGE and kind.scheme in SCHEMES and set(kind.problems) <= set(PROBLEMS)
    assert not set(FACTS) & set(kind.model_fields), "they are no settings"


@pytest.mark.parametrize("name", METHODS)
def test_who_teaches_agrees_with_the_networks_that_it_reads(name):
    kind = METHODS[name]
    if kind.scheme == "offline":
        assert "teacher" in kind.roles and "peer" not in kind.roles
    if "peer" in kind.roles:
        assert kind.scheme == "online"
    if "teacher" not in kind.roles:
        assert kind.scheme in ("online", "self")


def test_the_methods_of_one_study_are_nine():
    assert {name for name, kind in METHODS.items() if STUDIED.items() <= kind.problems.items()} == {
        *("kd", "bss", "fitnet", "fsp", "at", "sp", "rkd", "dml", "one")
    }


def test_a_method_of_the_users_own_may_leave_them_out_or_state_them():
    class Mine(Method):
        knowledge = "relation"
        scheme = "self"
        problems = {"noise": "section 3"}

    class Silent(Method):
        pass

    assert (Mine.knowledge, Mine.scheme, Mine.problems) == ("relation", "self", {"noise": "section 3"})
    assert (Silent.knowledge, Silent.scheme, Silent.problems) == ("", "", {})


EXPECTED = "expected one of capacity gap, noise, imbalance, many classes, no data, no labels"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"knowledge": "features"},
            "Mine.knowledge: found 'features'; did you mean 'feature'?; expected one of response, feature, relation",
        ),
        ({"knowledge": ("feature",)}, "Mine.knowledge: found a list of 1; expected one of response, feature, relation"),
        ({"scheme": None}, "Mine.scheme: found nothing; expected one of offline, online, self"),
        (
            {"problems": ("noise",)},
            "Mine.problems: found a list of 1; expected {'noise': 'the paper, section 5'}: each problem with where its "
            "source says so",
        ),
        ({"problems": {"noisy": "x"}}, f"Mine.problems: found 'noisy'; did you mean 'noise'?; {EXPECTED}"),
        ({"problems": {"noise": ""}}, "Mine.problems: found '' for 'noise'; say where its source says so"),
    ],
)
def test_words_that_are_none_of_these_are_refused_where_the_class_is_written(facts, message):
    with pytest.raises(UserError) as error:
        type("Mine", (Method,), {"__module__": __name__, **facts})
    assert str(error.value) == message
