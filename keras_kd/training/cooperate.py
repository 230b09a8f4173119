"""Networks teach each other by counterfactual examples: each where the other is wrong and it is right.

Livanos, Davidson, Wong: Cooperative Knowledge Distillation: A Learner Agnostic Approach. AAAI 2024, arXiv:2402.05942.
"""

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from keras_kd.training.cooperation_checks import check_gradients, check_members, shared
from keras_kd.training.cooperation_settings import Cooperation
from keras_kd.training.cooperation_state import Place, Written, load, save
from keras_kd.training.counterfactual_writer import Space, Writer
from keras_kd.training.member import batch_of
from keras_kd.training.plain_training import PlainTraining
from keras_kd.utils.formatting import percent, plural

# Seconds of training after which a line says how far it is.
PATIENCE = 10.0


@dataclass(frozen=True)
class Cooperated:
    """What came of a cooperation. The networks themselves are trained in place.

    Args:
        rows: the history, a dict for each member of each round: "round" (0 before examples are written), "member",
            "held_out" (how many), "wrong" (|S_j|, how many of them it had wrong), "by" ({writer: |R_ij|, examples that
            it wrote}), "written" (all of the round), "examples" (all so far), "before" and "after" (accuracy on the
            held-out data, 0..1, before and after it was trained).
        examples: list of `Written`, one a member: what was written for it.
    """

    rows: list
    examples: list


def cooperate(members, held_out, settings=None, *, state=None, training=None, log=None):
    """Has networks teach each other, in rounds, by counterfactual examples; they are trained in place.

    The held-out data must be of none of the networks' own training data, else they have little wrong. Written examples
    lie next to held-out ones and have their labels, so that accuracy on the held-out data is no evidence afterwards:
    measure on other data, and compare with `Cooperation(steps=0)`, which passes the held-out examples on as they are.

    Args:
        members: list of `Member`, two or more, of one number of classes.
        held_out: (x, y): examples on which is looked who is right, and their labels.
        settings: a `Cooperation`; its defaults if None.
        state: path of a file in which is kept, after each epoch, where it stands; what is there is gone on with, and
            ends the same, bit for bit. None keeps nothing.
        training: who trains: an object with the methods of `PlainTraining`, which is the default, for compiled
            models.
        log: called with a line for each round and member, and one every ten seconds of training.

    Returns:
        `Cooperated`.

    Raises:
        UserError: networks, data or settings that do not fit; nothing is trained then.

    Source:
        Livanos, Davidson, Wong, AAAI 2024, arXiv:2402.05942: equations only, from a summary; settings ours.

    Example:
        >>> import keras
        >>> from keras_kd import Cooperation, Member
        >>> from keras_kd.data.plane import moons, without
        >>> x, y = moons(60, seed=0)
        >>> members = []
        >>> for name, hidden in (("left", x[:, 0] > 0.5), ("right", x[:, 0] < 0.5)):
        ...     network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)])
        ...     network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        ...     members.append(Member(name, network, *without(x, y, hidden)))
        >>> found = cooperate(members, moons(40, seed=1), Cooperation(rounds=1, epochs=1, steps=5))
        >>> [(one["round"], one["member"]) for one in found.rows]
        [(1, 'left'), (1, 'right')]
    """
    settings = settings or Cooperation()
    x, y = np.asarray(held_out[0]), np.asarray(held_out[1])
    check_members(members, x, y)
    work = _Work(members, (x, y), settings, training or PlainTraining(members, settings), log or _silent)
    work.file = None if state is None else Path(os.fspath(state))
    check_gradients(work.writers, x, y)
    work.resume()
    while work.place.round <= settings.rounds:
        work.round()
    return Cooperated(work.place.rows, work.examples)


class _Work:
    """A cooperation on its way."""

    def __init__(self, members, held_out, settings, training, log):
        self.members, self.settings, self.training, self.log = members, settings, training, log
        self.x, self.y = held_out
        space = Space.of(self.x, *(one.x for one in members))
        self.writers = [Writer(one, space, settings, batch_of(len(self.x))) for one in members]
        self.examples = [Written.none_of(self.x, self.y) for _ in members]
        self.place = Place(round=0 if settings.first_epochs else 1)
        self.file, self.said_at = None, time.monotonic()

    def resume(self):
        """Goes on from where the file says."""
        numbers = range(len(self.members))
        if self.file is None:
            return
        found = load(self.file, [self.training.variables(number) for number in numbers], self._mark)
        if found is not None:
            self.place, self.examples = found
            self.log(f"goes on in round {self.place.round} with {self._name()}, epoch {self.place.epoch + 1}")

    def round(self):
        """One round: examples, then the epochs of each member, then what that changed."""
        place = self.place
        if not place.written:
            self._write()
            place.written = True
            self._save()
        while place.member < len(self.members):
            self._train()
            place.member, place.epoch = place.member + 1, 0
            self._save()
        place.round, place.member, place.written = place.round + 1, 0, False
        self._save()

    def _write(self):
        """All examples of a round, by the networks as they are at its beginning."""
        right = [one.said(self.x).argmax(1) == self.y for one in self.members]
        for number, member in enumerate(self.members):
            row = {"round": self.place.round, "member": member.name, "held_out": len(self.y)}
            row.update(wrong=int((~right[number]).sum()), by={}, before=float(right[number].mean()))
            for other, writer in enumerate(self.writers):
                if other != number and self.place.round:
                    chosen = np.flatnonzero(right[other] & ~right[number])
                    row["by"][writer.member.name] = len(chosen)
                    self._written_by(other, number, chosen)
            row["written"] = sum(row["by"].values())
            row["examples"] = len(self.examples[number])
            self.place.rows.append(row)
            if self.place.round:
                self.log(_line(row))

    def _written_by(self, other, number, chosen):
        if not len(chosen):
            return
        movable = shared(self.members[number], self.members[other], self.x)
        x, y = self.x[chosen], self.y[chosen]
        if self.settings.steps:
            x = self.writers[other].write(x, y, movable)
        added = x, y, chosen.astype("int32"), other, self.place.round
        self.examples[number] = self.examples[number].plus(*added)

    def _train(self):
        place, number, settings = self.place, self.place.member, self.settings
        member, added = self.members[number], self.examples[number]
        # Where another type is the held-out data's, an example goes by that of the member's own.
        x = np.concatenate([member.x, added.x.astype(member.x.dtype)])
        y = np.concatenate([member.y, added.y.astype(member.y.dtype)])
        epochs = settings.epochs if place.round else settings.first_epochs

        def after():
            place.epoch += 1
            self._say(epochs)
            # After the last one the state is kept together with what comes next.
            if place.epoch < epochs:
                self._save()

        self.training.learn(number, x, y, place, after)
        row = self.place.rows[number - len(self.members)]
        row["after"] = float((member.said(self.x).argmax(1) == self.y).mean())

    def _say(self, epochs):
        if time.monotonic() - self.said_at > PATIENCE:
            self.said_at = time.monotonic()
            self.log(f"round {self.place.round}: {self._name()}, epoch {self.place.epoch} of {epochs}")

    def _name(self):
        return self.members[min(self.place.member, len(self.members) - 1)].name

    def _save(self):
        if self.file is not None:
            variables = [self.training.variables(number) for number in range(len(self.members))]
            save(self.file, self.place, self.examples, variables, self._mark)

    @cached_property
    def _mark(self):
        """What tells this cooperation from others: settings, networks, data."""
        told = [json.dumps(asdict(self.settings), sort_keys=True)]
        told += [_digest(self.x, self.y)]
        for number, one in enumerate(self.members):
            shapes = [tuple(variable.shape) for variable in self.training.variables(number)]
            told += [repr((one.name, one.features, one.from_logits, shapes)), _digest(one.x, one.y)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _digest(*arrays):
    return "".join(hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest() for one in arrays)


def _line(row):
    wrong = f"{row['wrong']} of {row['held_out']} held-out examples wrong ({percent(row['before'])} right)"
    by = ", ".join(f"{count} by {name}" for name, count in row["by"].items() if count)
    said = f"{plural(row['written'], 'example')} written for it: {by}" if by else "nobody writes an example for it"
    why = "" if by else (", as it has none wrong" if not row["wrong"] else ", as no other has those right")
    return f"round {row['round']}: {row['member']} has {wrong}; {said}{why}"


def _silent(line):
    pass
