"""A policy that chooses terms. The values of its losses are held in tests/methods/test_golden.py."""

import keras
import numpy as np
import pytest
from keras import ops
from networks import cnn, images, values

from keras_kd import AT, KD, Distiller, Schedule, SelectingDistiller, Selection, Term
from keras_kd.training.checkpoint import load_state, save_state
from keras_kd.training.selecting_distiller import Choosing
from keras_kd.training.selector import Selector
from keras_kd.utils.errors import UserError

X, Y = images(56)
TRAIN, VALIDATION = (X[:40], Y[:40]), (X[40:], Y[40:])
MAP = AT(student_taps=("map",), teacher_taps=("map",))


def made(selection=None, seed=0, **options):
    """A compiled distiller of KD and AT; equal seeds begin alike."""
    keras.utils.set_random_seed(seed)
    student, teacher = cnn(3, name="student"), cnn(6, name="teacher")
    terms = [KD(temperature=2.0), Term(MAP, 10.0)]
    distiller = SelectingDistiller(student, teacher, terms, selection, **{"label_weight": 0.5, **options})
    distiller.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), metrics=["accuracy"])
    return distiller


def fitted(distiller, epochs=3, **options):
    options = {"validation_data": VALIDATION, "batch_size": 8, "verbose": 0, "shuffle": False, **options}
    return distiller.fit(*TRAIN, epochs=epochs, **options).history


def rewarded(selector, figures):
    """Choices that a selector makes, one a figure; a figure is a function of the choice."""
    chosen = []
    for number in range(figures[0]):
        choice = selector.choose()
        chosen.append(choice)
        selector.reward(figures[1](choice, number))
    return np.array(chosen)


@pytest.mark.both_backends
@pytest.mark.parametrize("policy", ["bandit", "actor_critic"])
def test_a_policy_comes_to_choose_what_is_rewarded(policy):
    """A figure that rises where the first kind is chosen and falls where the second is."""
    selector, figure = Selector(Selection(policy, learning_rate=0.5, seed=3), kinds=3), [0.0]

    def measured(choice, number):
        figure[0] += choice[0] - choice[1]
        return figure[0]

    chosen = rewarded(selector, (80, measured))
    probabilities = selector.probabilities()
    assert probabilities[0] > 0.8 and probabilities[1] < 0.2
    assert chosen[-20:, 0].mean() > 0.7 and chosen[-20:, 1].mean() < 0.3


def test_an_actor_critic_answers_to_the_state_and_a_bandit_does_not():
    """What pays is what was not chosen before."""
    found = {}
    for selection in (Selection(seed=1), Selection("actor_critic", discount=0.0, horizon=1, seed=1)):
        selector, figure, before = Selector(selection, 1), [0.0], [0]

        def measured(choice, number, figure=figure, before=before):
            figure[0] += 1 if choice[0] != before[0] else -1
            before[0] = choice[0]
            return figure[0]

        chosen = rewarded(selector, (160, measured))[-40:, 0]
        found[selection.policy] = float((chosen[1:] != chosen[:-1]).mean())
    assert found["actor_critic"] > 0.8 > found["bandit"]


def test_the_first_interval_teaches_nothing_and_rewards_are_changes():
    selector = Selector(Selection(seed=1), 2)
    selector.choose()
    assert selector.reward(0.3) is None and selector.rewarded == 0
    np.testing.assert_array_equal(selector.probabilities(), [0.5, 0.5])
    selector.choose()
    assert selector.reward(0.5) == pytest.approx(0.2) and selector.rewarded == 1
    assert (selector.probabilities() != 0.5).all()


@pytest.mark.both_backends
def test_a_step_reads_the_choice_and_is_not_traced_anew():
    distiller = made()
    traces, loss = [], distiller.compute_loss
    distiller.compute_loss = lambda *given, **named: traces.append(1) or loss(*given, **named)
    history = fitted(distiller, epochs=6)
    figures = [name for name in history if name != "selection_reward"]
    rows = [{name: history[name][number] for name in figures} for number in range(6)]
    assert len({(row["kd_chosen"], row["at_chosen"]) for row in rows}) > 1
    for row in rows:
        total = 0.5 * row["label_loss"] + 0.9 * row["kd_chosen"] * row["kd_loss"]
        np.testing.assert_allclose(row["loss"], total + 10 * row["at_chosen"] * row["at_loss"], rtol=1e-4)
    # Of training and of validation, whatever the number of choices.
    before = len(traces)
    fitted(distiller, epochs=4)
    assert len(traces) == before, "a choice compiled the step anew"
    assert len(history["selection_reward"]) == 5


@pytest.mark.both_backends
def test_steps_are_counted_over_the_ends_of_epochs():
    distiller = made(Selection("actor_critic", interval=3, unit="steps", metric="loss", horizon=2))
    history = fitted(distiller, epochs=3)  # 5 steps each: choices after 3, 6, 9, 12 and 15
    assert ops.convert_to_numpy(distiller.selector._counts)[[0, 3]].tolist() == [6, 4]
    shares = np.array([history["kd_chosen"], history["at_chosen"]])
    assert np.allclose(shares * 5, np.round(shares * 5)) and distiller.selector.stayed == 0


def test_where_no_term_is_chosen_labels_alone_teach_and_they_may_be_chosen_too():
    selector = Selector(Selection(labels=True), 3)
    assert selector._factors_of(np.zeros(3, "float32")).tolist() == [0, 0, 1]
    assert selector._factors_of(np.array([1, 0, 0], "float32")).tolist() == [1, 0, 0]
    even = Selector(Selection(labels=True, normalize=True), 3)
    assert even._factors_of(np.array([1, 0, 0], "float32")).tolist() == [3, 0, 0]
    assert even._factors_of(np.array([1, 1, 0], "float32")).tolist() == [1.5, 1.5, 0]
    assert Selector(Selection(normalize=True), 2)._factors_of(np.zeros(2, "float32")).tolist() == [0, 0]
    distiller = made(Selection(labels=True, seed=2))
    history = fitted(distiller, epochs=4)
    for number, loss in enumerate(history["loss"]):
        chosen = {name: history[f"{name}_chosen"][number] for name in ("kd", "at", "label")}
        parts = {"kd": 0.9, "at": 10.0, "label": 0.5}
        total = sum(weight * chosen[name] * history[f"{name}_loss"][number] for name, weight in parts.items())
        np.testing.assert_allclose(loss, total, rtol=1e-4)


def test_all_terms_chosen_train_as_without_a_selection():
    distiller = made()
    distiller.selector.choose = lambda: None
    fitted(distiller)
    keras.utils.set_random_seed(0)
    student, teacher = cnn(3, name="student"), cnn(6, name="teacher")
    plain = Distiller(student, teacher, [KD(temperature=2.0), Term(MAP, 10.0)], label_weight=0.5)
    plain.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
    plain.fit(*TRAIN, epochs=3, batch_size=8, shuffle=False, verbose=0)
    for one, other in zip(values(student), values(distiller.student), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.both_backends
@pytest.mark.parametrize("unit, interval", [("epochs", 1), ("steps", 3)])
def test_a_training_that_goes_on_from_its_state_ends_with_the_same(tmp_path, unit, interval):
    selection = Selection("actor_critic", interval=interval, unit=unit, horizon=2, metric="loss", seed=5)
    straight = made(selection)
    history = fitted(straight, epochs=5)
    first = made(selection)
    fitted(first, epochs=3)
    save_state(first, [], tmp_path / "state.npz")
    second = made(selection, seed=1)
    second.teacher.set_weights(first.teacher.get_weights())
    load_state(second, tmp_path / "state.npz")
    rest = fitted(second, epochs=5, initial_epoch=3)
    for name in ("kd_chosen", "at_chosen", "kd_probability", "at_probability", "loss"):
        assert rest[name] == history[name][3:], name
    for one, other in zip(straight.state(), second.state(), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_callbacks_may_be_a_list_of_keras():
    distiller = made()
    callbacks = keras.callbacks.CallbackList([], add_history=True, model=distiller)
    assert len(fitted(distiller, epochs=2, callbacks=callbacks)["kd_chosen"]) == 2


def test_a_seed_decides_what_is_chosen():
    def chosen(seed):
        selector = Selector(Selection(seed=seed), 4)
        return rewarded(selector, (6, lambda choice, number: number % 3)).tolist()

    assert chosen(1) == chosen(1) != chosen(2)


def test_a_figure_is_the_accuracy_or_minus_the_label_loss():
    distiller = made()
    fitted(distiller, epochs=1)
    logs = distiller.evaluate(*VALIDATION, verbose=0, return_dict=True)
    for metric, expected in (("accuracy", logs["accuracy"]), ("loss", -logs["loss"])):
        distiller.selection = Selection(metric=metric)
        callback = Choosing(distiller, lambda: [(X[40:50], Y[40:50]), (X[50:], np.eye(5)[Y[50:]])])
        callback.set_model(distiller)
        np.testing.assert_allclose(callback.figure(), expected, rtol=1e-5)


def test_a_training_too_short_to_reward_a_choice_says_so(capsys):
    fitted(made(Selection(interval=50, unit="steps")), epochs=1)
    assert "no choice was rewarded in this training: it was shorter than two intervals of 50 steps" in (
        " ".join(capsys.readouterr().err.split())
    )


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"policy": "greedy"}, "policy is 'greedy'; expected one of bandit, actor_critic"),
        ({"unit": "days"}, "unit is 'days'; expected one of epochs, steps"),
        ({"metric": "ece"}, "metric is 'ece'; expected one of accuracy, loss"),
        ({"interval": 0}, "interval is 0; expected a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1; expected a whole number, 0 or more"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected a number above 0"),
        ({"labels": 1}, "labels is 1; expected True or False"),
        ({"discount": 2.0, "policy": "actor_critic"}, r"discount is 2.0; expected a number in 0\.\.1"),
        ({"horizon": 3}, "horizon is 3 and a bandit sees no further than its reward; leave it out, or take"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(UserError, match=f"^Selection: {message}"):
        Selection(**settings)


def test_what_cannot_be_chosen_or_rewarded_is_refused_before_training():
    with pytest.raises(UserError, match="found no terms to choose from"):
        SelectingDistiller(cnn(3), cnn(6), [])
    for weight in (0.0, Schedule(end_value=1.0, delay=2)):
        with pytest.raises(UserError, match="label_weight is 0, and where no term is chosen"):
            made(label_weight=weight)
    distiller = made()
    for data, found in ((None, "none"), ((X, Y[:3]), "tuple"), ("validation", "str")):
        with pytest.raises(UserError, match=f"rewarded on validation data; found {found}; expected validation_data="):
            distiller.fit(*TRAIN, validation_data=data)


def test_a_policy_alone_is_a_selection_and_nothing_else_is():
    distiller = SelectingDistiller(cnn(3), cnn(6), KD(), selection="actor_critic")
    assert distiller.selection == Selection("actor_critic")
    with pytest.raises(UserError, match="selection: found 3; expected a policy, or keras_kd.Selection"):
        SelectingDistiller(cnn(3), cnn(6), KD(), selection=3)
