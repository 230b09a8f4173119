"""Where a cooperation stands, in one file: killed, it goes on from there and ends the same, bit for bit."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
from keras import ops

from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write


@dataclass
class Written:
    """Counterfactual examples that were written for a member.

    Args:
        x, y: the examples and their labels.
        source: int array (n,), the positions in the held-out data that they were written from.
        writer: int array (n,), the numbers of the members that wrote them.
        round: int array (n,), the rounds in which they did, from 1.
    """

    x: np.ndarray
    y: np.ndarray
    source: np.ndarray
    writer: np.ndarray
    round: np.ndarray

    @classmethod
    def none_of(cls, x, y):
        """No examples, of the kind of some others."""
        return cls(x[:0], y[:0], *(np.zeros(0, "int32") for _ in range(3)))

    def __len__(self):
        return len(self.y)

    def plus(self, x, y, source, writer, round_):
        """These and more, of one writer and round."""
        added = x, y, source, np.full(len(y), writer, "int32"), np.full(len(y), round_, "int32")
        return Written(*(np.concatenate(pair) for pair in zip(vars(self).values(), added, strict=True)))


@dataclass
class Place:
    """What is done next: the epoch of a member in a round, all counted from 0, and what was found so far.

    Args:
        round: 0 is the training before the first examples are written.
        member, epoch: whose turn it is.
        written: whether the examples of the round are.
        rows: the history, a dict for each member of each round.
    """

    round: int = 0
    member: int = 0
    epoch: int = 0
    written: bool = False
    rows: list = field(default_factory=list)


def save(file, place, examples, variables, mark):
    """Writes all that is needed to go on.

    Args:
        file: its path; the old one stands until the new one is whole.
        place: the `Place`.
        examples: list of `Written`, one a member.
        variables: list of lists of variables, one a member.
        mark: text that tells this cooperation from others.
    """
    arrays = {f"{number}_{name}": value for number, one in enumerate(examples) for name, value in vars(one).items()}
    for number, listed in enumerate(variables):
        arrays.update({f"{number}_variable_{k}": ops.convert_to_numpy(one) for k, one in enumerate(listed)})
    arrays["place"] = np.array(json.dumps({**asdict(place), "mark": mark}))
    with atomic_write(file, sealed=False) as temporary, open(temporary, "wb") as opened:
        np.savez(opened, **arrays)


def load(file, variables, mark):
    """Puts variables back as they were saved: (`Place`, list of `Written`), or None where there is no file.

    Raises:
        UserError: the file is damaged or of another cooperation.
    """
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        place = json.loads(str(arrays["place"]))
    except Exception as error:  # whatever NumPy and zipfile make of a damaged file
        raise UserError(f"{file}: damaged ({error}); delete it to begin again") from None
    if place.pop("mark", None) != mark:
        raise UserError(
            f"{file}: the state of other networks, data or settings; give those that it was begun with, or delete it "
            "to begin again"
        )
    for number, listed in enumerate(variables):
        for k, one in enumerate(listed):
            one.assign(arrays[f"{number}_variable_{k}"])
    fields = Written.__dataclass_fields__
    examples = [Written(*(arrays[f"{number}_{name}"] for name in fields)) for number in range(len(variables))]
    return Place(**place), examples
