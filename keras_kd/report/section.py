"""A part of what is kept as JSON, with a name, a type and a meaning for each of its figures."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from keras_kd.utils.json_safe import json_safe

Share = Annotated[float, Field(ge=0, le=1)]


def described(description):
    """A field that is None until it is given."""
    return Field(default=None, description=description)


class Section(BaseModel):
    """A part of a report. What it was never given is None, and is not written; what it does not know it keeps.

    Example:
        >>> class Scores(Section):
        ...     top1: float | None = described("share of the images that are right")
        ...     top5: float | None = described("share of those among the first five")
        >>> scores = Scores(top1=0.5)
        >>> scores.top5, scores["top1"], "top5" in scores, scores == {"top1": 0.5}
        (None, 0.5, False, True)
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    def __setattr__(self, name, value):
        if name not in type(self).model_fields:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        super().__setattr__(name, value)

    def __getitem__(self, name):
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __setitem__(self, name, value):
        setattr(self, name, value)

    def __contains__(self, name):
        return name in self.model_fields_set

    def __eq__(self, other):
        if isinstance(other, dict):
            return self.as_json() == json_safe(other)
        return super().__eq__(other)

    __hash__ = None

    def get(self, name, default=None):
        """What stands under a name, or `default`."""
        return self[name] if name in self else default

    def keys(self):
        """The names under which something stands, in their order."""
        known = [*type(self).model_fields, *(self.model_extra or ())]
        return [name for name in known if name in self]

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
        """Plain values, as `report.json` holds them."""
        return json_safe(self.model_dump(exclude_unset=True))
