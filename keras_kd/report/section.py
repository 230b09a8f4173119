"""A part of what is kept as JSON, with a name, a type and a meaning for each of its figures."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import expectation
from keras_kd.utils.json_safe import json_safe
from keras_kd.utils.suggest import did_you_mean

Share = Annotated[float, Field(ge=0, le=1)]


def described(description):
    """A field that is None until it is given."""
    return Field(default=None, description=description)


def first_error(error):
    """The first thing that a `ValidationError` says, in one line: where, what was found, what was expected.

    Example:
        >>> class Scores(Section):
        ...     top1: Share | None = described("share of the images that are right")
        >>> try:
        ...     Scores(top1=1.5)
        ... except ValidationError as error:
        ...     first_error(error)
        'top1: is 1.5; expected 1 or less'
    """
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc']))}: {expectation(one)}"


class Section(BaseModel):
    """A part of a report. What it was never given is None, and is not written; what it does not know it keeps.

    `section["top1"]`, `keys`, `items`, `get`, `in` and `dict(section)` see what it was given, as JSON holds it.

    Example:
        >>> class Scores(Section):
        ...     top1: float | None = described("share of the images that are right")
        ...     top5: float | None = described("share of those among the first five")
        >>> scores = Scores(top1=0.5)
        >>> scores.top5, scores["top1"], "top5" in scores, scores == {"top1": 0.5}, scores
        (None, 0.5, False, True, Scores(top1=0.5))
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    def __setattr__(self, name, value):
        known = [*type(self).model_fields, *(self.model_extra or ())]
        if name not in known:
            raise AttributeError(f"{type(self).__name__} has no {name}{did_you_mean(name, known)}")
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise UserError(f"{type(self).__name__}.{first_error(error)}") from None

    def __getitem__(self, name):
        if name not in self:
            raise KeyError(name)
        # A field of another version may be called as a method is.
        return self.model_extra[name] if name in (self.model_extra or ()) else getattr(self, name)

    def __setitem__(self, name, value):
        setattr(self, name, value)

    def __contains__(self, name):
        return name in self.model_fields_set

    def __eq__(self, other):
        return self.as_json() == json_safe(other) if isinstance(other, dict) else super().__eq__(other)

    __hash__ = None

    def __repr_args__(self):
        return self.items()

    def get(self, name, default=None):
        """What stands under a name, or `default`."""
        return self[name] if name in self else default

    def keys(self):
        """The names under which something stands, in their order."""
        return [name for name in (*type(self).model_fields, *(self.model_extra or ())) if name in self]

    def items(self):
        """(name, what stands under it)."""
        return [(name, self[name]) for name in self.keys()]

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def forget(self, *names):
        """Takes fields out, as if they had never been given."""
        for name in names:
            if name in self:
                setattr(self, name, None)
                self.model_fields_set.discard(name)

    def as_json(self):
        """Plain values, as the file holds them: `json.dumps(report.as_json())`."""
        return json_safe(self.model_dump(exclude_unset=True))
