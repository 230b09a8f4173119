"""What a frozen teacher says of every view of every image: computed once, looked up for ever."""

import functools
import json
import os
import random
import shutil
import time
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_kd import backend
from keras_kd.bank.batches import BATCH, batches_of
from keras_kd.bank.finite import refuse_lost_values
from keras_kd.bank.folder import place_of
from keras_kd.bank.key import digest_of_images, digest_of_network, key_of
from keras_kd.bank.layout import layout_of, signal_shapes
from keras_kd.bank.table import Table
from keras_kd.bank.view_subset import ViewSubset
from keras_kd.data.views.crop_flip import Views
from keras_kd.data.views.member_views import MemberViews
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.models.foreign.stored import asking_about
from keras_kd.models.taps import LOGITS, Tapped
from keras_kd.models.wrappers.ensemble import mean_of_logits
from keras_kd.utils import formatting
from keras_kd.utils.errors import UserError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.files import atomic_write, folder_lock


class Bank:
    """The signals of a frozen teacher as a table on the disk, `bank[index, view]`, filled by need.

    It is found by what it is of: the teacher's layers and weights, the images, the family of views. Any number of runs
    and of processes may fill and read it; a row is whole or not there.

    Args:
        folder: in which the banks lie, each in a folder of its own; of several the first that has it, else the last.
        teacher: a built `keras.Model` from pixels 0..255 to (batch, classes).
        images: uint8 array (n, height, width, channels), the training images in their order.
        views: the `Views` that are shown.
        taps: layers whose outputs are wanted in addition to the logits.
        from_logits: whether the teacher gives logits; the bank holds logits in any case.
        format: one of `keras_kd.bank.formats.FORMATS`, for all signals; topk is for logits, others then are float16.
        kept: classes that topk keeps.
        few: how many views each image is shown in, or None for all of the family.
        members: (networks, their from_logits, arguments of `mean_of_logits`) of a teacher that is a mean: each has a
            bank of its own, from which the mean's is filled.
        member_views: the `MemberViews` where each of `members` sees a view of its own; the mean's rows are then found
            by the student's view, its members' by their own.
        renderer: the `ViewRenderer` of the images, if there is one already, and
        images_digest: their `digest_of_images`, if it is known.
        name: of the teacher, for people.

    Raises:
        UserError: the folder holds a bank that is damaged, or of something else, or of another version.

    Source:
        Beyer et al. 2022, arXiv:2106.05237, for the teacher seeing the student's very views; Shen and Xing 2021,
        arXiv:2112.01528, for storing what it says.

    Example:
        >>> import tempfile
        >>> from keras_kd.data.views.crop_flip import VIEWS
        >>> from keras_kd.models import build
        >>> images = np.zeros((6, 8, 8, 1), "uint8")
        >>> bank = Bank(tempfile.mkdtemp(), build("digits_tiny", (8, 8, 1), 10), images, VIEWS["flip"])
        >>> bank.fill([0, 5], [1, 0]), bank.fill([5, 5], [0, 1])
        (2, 1)
        >>> bank.rows([5, 0], [1, 1])["logits"].shape
        (2, 10)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        teacher: keras.Model,
        images: np.ndarray,
        views: Views,
        *,
        taps: Iterable[str] = (),
        from_logits: bool = True,
        format: str = "float16",
        kept: int = 10,
        few: int | None = None,
        members: tuple[Any, ...] | None = None,
        member_views: MemberViews | None = None,
        renderer: ViewRenderer | None = None,
        images_digest: str | None = None,
        name: str = "teacher",
    ) -> None:
        views.check(images.shape[1:])
        self.images, self.views, self.name = images, views, name
        self.few = ViewSubset(views, few) if few is not None and few < views.count else None
        self.count = self.few.count if self.few else views.count
        self.seconds, self.computed = 0.0, 0
        self._renderer = renderer if renderer is not None else ViewRenderer(views)
        tapped = Tapped("teacher", teacher, tuple(dict.fromkeys(taps)), from_logits)
        self._tapped = tapped
        self._run = backend.inference(_TeacherOnViews(tapped, self._renderer))
        self.about = {
            "teacher": digest_of_network(teacher),
            "from_logits": from_logits,
            "images": images_digest or digest_of_images(images),
            "views": repr(self.few or views),
            # A bank of one view for all members is known by the key that it had before there were others.
            **({} if member_views is None else {"member_views": list(member_views.seeds)}),
        }
        self.key = key_of(self.about)
        self.folder = place_of(folder, self.key)
        shapes = self._shapes()
        self.tables = {}
        for tap in (LOGITS, *tapped.layers):
            layout = layout_of(format, tap, shapes[tap], kept)
            folder_name = f"{file_name(tap, distinct=True)}-{layout.name}{kept if layout.name == 'topk' else ''}"
            places = len(images) * self.count
            self.tables[tap] = Table(self.folder / folder_name, places, shapes[tap], layout, {**self.about, "tap": tap})
        self._introduce()
        self.members, self._member_views = [], member_views
        if members is not None and not tapped.layers:
            networks, flags, self._mean = members
            for network, flag in zip(networks, flags, strict=True):
                own = {"from_logits": flag, "format": format, "kept": kept, "few": few, "renderer": self._renderer}
                own.update(images_digest=self.about["images"], name=network.name)
                self.members.append(Bank(folder, network, images, views, **own))

    def _shapes(self):
        """{tap: shape of one example's values}."""
        return signal_shapes(self._tapped, self.images.shape[1:])

    def _introduce(self):
        """Writes for people what the bank is of, and that it was used today."""
        file = self.folder / "about.json"
        try:
            known = json.loads(file.read_text(encoding="utf-8"))["about"].keys() >= {"teacher", "images", "views"}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known:
            about = {"teacher": self.name, "images": len(self.images), "views": self.count}
            with folder_lock(self.folder, wait=True, log=False), atomic_write(file) as temporary:
                temporary.write_text(json.dumps({"about": about, "of": self.about}, indent=1), encoding="utf-8")
        os.utime(file)

    # Places: an image's views lie side by side.

    def _places(self, index, number):
        index, number = np.asarray(index, "int64"), np.asarray(number, "int64")
        if len(index) and not (0 <= number.min() and number.max() < self.count):
            raise UserError(f"bank: found view {number.min()}..{number.max()}; expected 0..{self.count - 1}")
        return index * self.count + number

    def number(self, seed, epoch, index):
        """The numbers in this bank of the views that images have in an epoch: int32 array (n,)."""
        chosen = self.few.turns if self.few else self.views.ids
        return chosen(seed, epoch, index)

    def view(self, index, number):
        """The views of the family that numbers of this bank stand for."""
        return self.few.views(index, number) if self.few else np.asarray(number, "int32")

    def missing(self, index, number):
        """The places of some views, int array (m,), that some signal is missing of."""
        places = self._places(index, number)
        found = [table.missing(places) for table in self.tables.values()]
        return np.unique(np.concatenate(found))

    def asks(self, index, number):
        """About how many views the teacher is asked where these are filled; of several teachers, the one asked most."""
        places = self.missing(index, number)
        return max((member.asks(*one) for member, one in self._of_members(places)), default=len(places))

    def _of_members(self, places):
        """[(bank of a member, (index, number) of what it is asked)] for some places of the mean."""
        index, number = np.divmod(places, self.count)
        if self._member_views is None:
            return [(member, (index, number)) for member in self.members]
        of_member = self._member_views.of_member
        return [(one, (index, of_member(n, index, number, self.count))) for n, one in enumerate(self.members)]

    def fill(self, index, number, progress=None):
        """Has the teacher say what is missing of some views; returns how many that were.

        Args:
            index, number: int arrays (n,).
            progress: called with (done, of) views now and then.

        Raises:
            UserError: the disk is full, or the teacher's output is not finite. What was filled stays.
        """
        places = self.missing(index, number)
        if not len(places):
            return 0
        asked = [member.fill(*one, progress) for member, one in self._of_members(places)]
        begun, before = time.monotonic(), sum(one.seconds for one in self.members)
        # Another process that fills the same bank begins elsewhere, and each leaves out what the other has done.
        places = np.roll(places, -random.SystemRandom().randrange(len(places)) if len(places) > 4 * BATCH else 0)
        waiting, done, written = np.empty(0, "int64"), 0, 0
        for start in range(0, len(places), BATCH):
            part = places[start : start + BATCH]
            waiting = np.concatenate([waiting, self.missing(*np.divmod(part, self.count))])
            last = start + BATCH >= len(places)
            while len(waiting) >= BATCH or (last and len(waiting)):
                now, waiting = waiting[:BATCH], waiting[BATCH:]
                values = self._say(*np.divmod(now, self.count))
                refuse_lost_values(self, now, values)
                for tap, table in self.tables.items():
                    table.write(now, values[tap])
                written += len(now)
            done += len(part)
            if progress:
                progress(done, len(places))
        self.seconds += time.monotonic() - begun + sum(one.seconds for one in self.members) - before
        # A mean of what members have said already asks nobody.
        self.computed += max(asked) if asked else written
        return written

    def asks_in_all(self):
        """About how many views the teacher is asked where all are filled, as of `asks`."""
        missing = sum(table.places - table.filled() for tap, table in self.tables.items() if tap == LOGITS)
        return max((member.asks_in_all() for member in self.members), default=missing)

    def fill_all(self, progress=None):
        """Has the teacher say everything that is missing; returns how many views that were."""
        filled = done = 0
        images = max(1, 4096 // self.count)
        parts = list(range(0, len(self.images), images))
        # Another process that fills it too begins elsewhere, as in `fill`.
        first = random.SystemRandom().randrange(len(parts))
        for start in parts[first:] + parts[:first]:
            index = np.arange(start, min(start + images, len(self.images)))
            filled += self.fill(np.repeat(index, self.count), np.tile(np.arange(self.count), len(index)))
            done += len(index)
            if progress:
                progress(done * self.count, len(self.images) * self.count)
        return filled

    def rows(self, index, number):
        """What the teacher says of some views: {tap: float32 (n, ...)}.

        Raises:
            UserError: a row is not there, or damaged.
        """
        places = self._places(index, number)
        return {tap: table.read(places) for tap, table in self.tables.items()}

    def _say(self, index, number):
        """The signals of some views, at most `BATCH`: {tap: float32 array}, from the teacher or its members' banks."""
        if self.members:
            logits = [member.rows(*one)[LOGITS] for member, one in self._of_members(self._places(index, number))]
            return {LOGITS: keras.ops.convert_to_numpy(mean_of_logits(logits, **self._mean))}
        return self.from_teacher(index, number)

    def from_teacher(self, index, number):
        """The signals of some views by running the teacher: {tap: float32 array}."""
        index, number = np.asarray(index), np.asarray(number)
        if self._member_views is not None:
            asked = self._of_members(self._places(index, number))
            logits = [member.from_teacher(*one)[LOGITS] for member, one in asked]
            return {LOGITS: keras.ops.convert_to_numpy(mean_of_logits(logits, **self._mean))}
        parts = []
        for start, count, size in batches_of(len(index), backend.COMPILES_BY_SHAPE):
            some = slice(start, start + count)
            padded = [np.concatenate([one[some], np.repeat(one[some][:1], size - count)]) for one in (index, number)]
            view = self.view(*padded)
            with asking_about(padded[0], view):
                signals = self._run(self._batch(padded[0], view))
            parts.append({tap: keras.ops.convert_to_numpy(signals[tap])[:count] for tap in self.tables})
        return {tap: np.concatenate([part[tap] for part in parts]) for tap in self.tables}

    def shown(self, index, number):
        """The images that the teacher is shown of some views, and the network."""
        index, number = np.asarray(index), np.asarray(number)
        return self._tapped.network, self._renderer(self._batch(index, self.view(index, number)))

    def _batch(self, index, view):
        sent = {"index": index.astype("int32"), "view": view.astype("int32")}
        if self.views.mixing:
            sent.update(self.views.plan(index, view, len(self.images), self.images.shape[1:]))
        if self._renderer.images is None:
            sent["image"] = np.asarray(self.images[index])
            if self.views.mixing:
                sent["partner_image"] = np.asarray(self.images[sent["partner"]])
        return sent

    # Sizes.

    @property
    def view_bytes(self):
        """Bytes of a view: its rows and their check numbers; of the members' banks too."""
        own = sum(table.format.row_bytes + 4 for table in self.tables.values())
        return own + sum(member.view_bytes for member in self.members)

    @property
    def values_bytes(self):
        """Bytes of what a view's rows read as: float32 values."""
        return sum(4 * table.format.length for table in self.tables.values())

    def views_in(self, epochs):
        """How many of an image's views so many epochs show, in the mean."""
        return views_in(epochs, self.count)

    def bytes_for(self, epochs=None):
        """Bytes of a bank that so many epochs have filled; None for all views."""
        views = self.count if epochs is None else self.views_in(epochs)
        return round(len(self.images) * views * self.view_bytes)

    def check_room(self, epochs=None):
        """Refuses a disk that what is still to be filled does not fit on.

        Raises:
            UserError: says what is needed and what there is.
        """
        there = sum(table.bytes_on_disk() for table in self.all_tables())
        need, free = max(0, self.bytes_for(epochs) - there), shutil.disk_usage(self.folder).free
        if need > free:
            needed, left = formatting.size(need, "bank"), formatting.size(free, "bank")
            raise UserError(
                f"{self.folder}: the bank needs {needed} more and the disk has {left} free; free "
                "some, or take fewer views (--bank views:16), a smaller format (--bank int8), or no bank (--bank live)"
            )

    def summary(self):
        """What a report says of the bank: its folder's name, formats, views per image, views that are there, bytes."""
        return {
            "key": self.key,
            "signals": {tap: table.format.name for tap, table in self.tables.items()},
            "views_an_image": self.count,
            "views": self.tables[LOGITS].filled(),
            "view_bytes": self.view_bytes,
            "members": [member.key for member in self.members],
        }

    def all_tables(self):
        """Its tables and those of its members."""
        return [*self.tables.values(), *(table for member in self.members for table in member.all_tables())]

    def verify(self, sample=1000, seed=0):
        """Compares what is stored with the teacher.

        Args:
            sample: how many of the filled views the teacher is asked about again.
            seed: decides which.

        Returns:
            dict of "views" filled, "damaged" rows, "sampled" views and, for each signal, the "largest_difference".
        """
        table = self.tables[LOGITS]
        damaged = {tap: one.damaged() for tap, one in self.tables.items()}
        filled = functools.reduce(np.intersect1d, (one.filled_places() for one in self.tables.values()))
        sound = np.setdiff1d(filled, np.concatenate([np.asarray(one, "int64") for one in damaged.values()]))
        chosen = np.random.default_rng(seed).permutation(sound)[:sample]
        differences = {}
        if len(chosen):
            index, number = np.divmod(np.sort(chosen), self.count)
            stored, said = self.rows(index, number), self.from_teacher(index, number)
            differences = {tap: float(np.abs(stored[tap] - said[tap]).max()) for tap in self.tables}
        return {
            "views": table.filled(),
            "damaged": sum(map(len, damaged.values())),
            "sampled": len(chosen),
            "largest_difference": differences,
        }


class _TeacherOnViews(keras.Model):
    """A teacher that is shown views; a model, so that a backend compiles it with its weights as arguments."""

    def __init__(self, tapped, renderer):
        super().__init__(name="seen", dtype="float32", autocast=False)
        self.network, self.renderer = tapped.network, renderer
        self._tapped = (tapped,)
        self.built = True

    def call(self, batch, training=False):
        return self._tapped[0].run(self.renderer(batch), training=False)[1]


def views_in(epochs, count):
    """How many of so many views an image is shown in, in the mean.

    Example:
        >>> round(views_in(240, 162), 1)
        125.3
    """
    return count * (1 - (1 - 1 / count) ** epochs)
