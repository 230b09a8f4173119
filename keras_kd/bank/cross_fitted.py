"""The banks of teachers of folds as one: each image is looked up in that of the teacher that did not see it."""

import functools

import numpy as np

from keras_kd.bank.bank import Bank
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.models.taps import LOGITS
from keras_kd.utils.errors import UserError


class CrossFittedBank:
    """What the teacher of its own fold says of every view of every image; it is used as a `Bank` is.

    Each teacher is asked about the images of its fold alone, so K teachers cost as much as one. Their banks are
    ordinary ones.

    Args:
        folder, images, views: as of `keras_kd.Bank`.
        teachers: built `keras.Model`s; number k was trained without the images of fold k.
        fold: int array (n,), the fold of each image; see `keras_kd.data.folds.fold_of`.
        from_logits: whether each teacher gives logits.
        names: of the teachers, for people; those of the models by default.
        **options: as of `keras_kd.Bank`: format, kept, few, renderer, images_digest.

    Raises:
        UserError: another number of folds than of teachers, or of images; or as `keras_kd.Bank`.

    Source:
        Dao et al. 2021, arXiv:2104.09732 (equation only; settings are ours).

    Example:
        >>> import tempfile
        >>> from keras_kd.data.folds import fold_of
        >>> from keras_kd.data.views.crop_flip import VIEWS
        >>> from keras_kd.models import build
        >>> images, teachers = np.zeros((6, 8, 8, 1), "uint8"), [build("digits_tiny", (8, 8, 1), 10) for _ in range(2)]
        >>> bank = CrossFittedBank(tempfile.mkdtemp(), teachers, images, VIEWS["flip"], fold_of(np.zeros(6, int), 2))
        >>> bank.fill([0, 1, 2], [0, 0, 1]), bank.rows([2, 0], [1, 0])["logits"].shape
        (3, (2, 10))
    """

    members = ()

    def __init__(self, folder, teachers, images, views, fold, *, from_logits=None, names=None, **options):
        self.fold = np.asarray(fold)
        if self.fold.shape != (len(images),) or not len(teachers) >= 2:
            raise UserError(
                f"folds: found {len(teachers)} teachers and folds of shape {self.fold.shape}; expected two teachers or "
                f"more, and a fold for each of {len(images):,} images"
            )
        if self.fold.min() < 0 or self.fold.max() >= len(teachers):
            found = f"{self.fold.min()} to {self.fold.max()}"
            raise UserError(f"folds: found {found}; expected 0 to {len(teachers) - 1}, one for each teacher")
        options.setdefault("renderer", ViewRenderer(views))
        self.banks = []
        for number, teacher in enumerate(teachers):
            flag = True if from_logits is None else from_logits[number]
            name = teacher.name if names is None else names[number]
            if self.banks:
                options["images_digest"] = self.banks[0].about["images"]
            self.banks.append(Bank(folder, teacher, images, views, from_logits=flag, name=name, **options))
        first = self.banks[0]
        self.images, self.views, self.count, self.few = images, views, first.count, first.few
        self.folder, self.tables = first.folder.parent, first.tables
        # Which views images have in an epoch depends on no teacher.
        self.number, self.view, self.views_in = first.number, first.view, first.views_in
        self.view_bytes, self.values_bytes = first.view_bytes, first.values_bytes

    seconds = property(lambda self: sum(bank.seconds for bank in self.banks))
    computed = property(lambda self: sum(bank.computed for bank in self.banks))

    def _parts(self, index):
        """[(the bank of a fold, the places of its images in `index`)]."""
        fold = self.fold[np.asarray(index, "int64")]
        return [(bank, part) for k, bank in enumerate(self.banks) if len(part := np.flatnonzero(fold == k))]

    def asks(self, index, number):
        """About how many views the teachers are asked where these are filled."""
        index, number = np.asarray(index), np.asarray(number)
        return sum(bank.asks(index[part], number[part]) for bank, part in self._parts(index))

    def fill(self, index, number, progress=None):
        """Has the teacher of each image's fold say what is missing; arguments as of `keras_kd.Bank.fill`."""
        index, number, filled = np.asarray(index), np.asarray(number), 0
        for bank, part in self._parts(index):
            filled += bank.fill(index[part], number[part], progress)
        return filled

    def asks_in_all(self):
        """About how many views the teachers are asked where all are filled."""
        return sum(self.asks(*self._all(bank)) for bank in self.banks)

    def fill_all(self, progress=None):
        """Has the teachers say everything that is missing; returns how many views that were."""
        filled = done = 0
        for bank in self.banks:
            index, number = self._all(bank)
            filled += bank.fill(index, number)
            done += len(index)
            if progress:
                progress(done, len(self.images) * self.count)
        return filled

    def _all(self, bank):
        """Every view of the images that a bank answers for: (index, number)."""
        index = np.flatnonzero(self.fold == self.banks.index(bank))
        return np.repeat(index, self.count), np.tile(np.arange(self.count), len(index))

    def rows(self, index, number):
        """What the teacher of each image's fold says: {tap: float32 (n, ...)}.

        Raises:
            UserError: a row is not there, or damaged.
        """
        index, number, found = np.asarray(index), np.asarray(number), {}
        for bank, part in self._parts(index):
            for tap, values in bank.rows(index[part], number[part]).items():
                whole = found.setdefault(tap, np.empty((len(index), *values.shape[1:]), values.dtype))
                whole[part] = values
        return found

    def filled(self):
        """How many views are there of those that are looked up."""
        places = [table.filled_places() for table in (bank.tables[LOGITS] for bank in self.banks)]
        return sum(int((self.fold[one // self.count] == number).sum()) for number, one in enumerate(places))

    def bytes_for(self, epochs=None):
        """Bytes of the banks that so many epochs have filled; None for all views."""
        return self.banks[0].bytes_for(epochs)

    def check_room(self, epochs=None):
        """Refuses a disk that what is still to be filled does not fit on; as `keras_kd.Bank.check_room`."""
        self.banks[0].check_room(epochs)

    def summary(self):
        """What a report says of the banks; their keys are `members`."""
        about = {**self.banks[0].summary(), "views": self.filled(), "members": [bank.key for bank in self.banks]}
        return {**about, "key": "folds of " + " ".join(bank.key for bank in self.banks)}

    def all_tables(self):
        """The tables of all."""
        return [table for bank in self.banks for table in bank.all_tables()]

    def verify(self, sample=1000, seed=0):
        """Compares what is stored with the teachers, as `keras_kd.Bank.verify`; `sample` of each."""
        found = [bank.verify(sample, seed) for bank in self.banks]
        together = {key: sum(one[key] for one in found) for key in ("views", "damaged", "sampled")}
        largest = [one["largest_difference"] for one in found]
        together["largest_difference"] = functools.reduce(
            lambda kept, one: {tap: max(kept.get(tap, 0.0), value) for tap, value in one.items()} or kept, largest, {}
        )
        return together
