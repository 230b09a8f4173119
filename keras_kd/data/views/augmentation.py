"""Families of views beyond crop and flip: RandAugment, Cutout and mixing on top of them, still one number per view."""

from dataclasses import dataclass

import numpy as np

from keras_kd.data.views.crop_flip import Views
from keras_kd.data.views.cutout import Cutout
from keras_kd.data.views.mixing import Cutmix, Mixup, partner_views
from keras_kd.data.views.rand_augment import RandAugment
from keras_kd.utils.lazy import ops


@dataclass(frozen=True)
class Augmented(Views):
    """A finite family of views: each one of the base, with finitely many draws of what comes on top.

    The id of a view is base view + base views x (draw of RandAugment + its draws x (draw of Cutout + its draws x draw
    of the mixing)). What a draw looks like is a hash of it and the base view; for mixing, of the image's index and the
    view. One view is the image itself: the base's own identity in the first draws.

    Args:
        base: the `Views` beneath; `pad` and `flip` are its.
        rand_augment: a `RandAugment`, or None.
        cutout: a `Cutout`, or None; it comes after RandAugment.
        mixing: a `Mixup` or `Cutmix`, or None; it mixes two images that are augmented each on its own.

    Example:
        >>> Augmented.on(Views(pad=4, flip=True), cutout=Cutout(size=8, draws=4), mixing=Mixup(draws=2)).count
        1296
    """

    rand_augment: RandAugment | None = None
    cutout: Cutout | None = None
    mixing: Mixup | Cutmix | None = None

    @classmethod
    def on(cls, base, **parts):
        """The family on a base."""
        return cls(base.pad, base.flip, **parts)

    @property
    def base(self):
        """The family beneath."""
        return Views(self.pad, self.flip)

    @property
    def single_count(self):
        """How many views an image has before it is mixed with another."""
        count = self.base.count
        for part in (self.rand_augment, self.cutout):
            count *= part.draws if part else 1
        return count

    @property
    def count(self):
        """How many views an image has."""
        return self.single_count * (self.mixing.draws if self.mixing else 1)

    def check(self, image_shape):
        """Refuses images, (height, width, channels), that the views do not fit.

        Raises:
            UserError: names the field.
        """
        if self.cutout:
            self.cutout.check(image_shape)

    def plan(self, index, view, count, shape):
        """What each image is mixed with: the plan of `mixing` and "partner_view", int32 (n,).

        Args:
            index, view: int arrays (n,).
            count: number of training images.
            shape: (height, width, channels) of an image.

        Example:
            >>> views = Augmented.on(Views(pad=4, flip=True), mixing=Mixup())
            >>> sorted(views.plan(np.arange(2), np.arange(2), count=100, shape=(8, 8, 1)))
            ['partner', 'partner_view', 'ratio']
        """
        plan = self.mixing.plan(index, view, count, shape)
        plan = self.mixing.unmixed(plan, np.asarray(view) == self.identity)
        return {**plan, "partner_view": partner_views(index, view, self.single_count)}

    def pixels(self, images, view):
        """The views before they are mixed, as whole numbers 0..255 on the device."""
        view = ops.cast(view, "int32") % self.single_count
        base, draw = self.base, view // self.base.count
        view = view % base.count
        images = ops.cast(base.pixels(images, view), "int32")
        for part in (self.rand_augment, self.cutout):
            if part:
                number = view + base.count * (draw % part.draws)
                draw = draw // part.draws
                changed = part.apply(images, number, base.count * part.draws)
                images = ops.where(ops.equal(number, base.identity)[:, None, None, None], images, changed)
        return images
