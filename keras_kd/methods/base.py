"""What a distillation method is: a small frozen config and a pure loss on signals."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Method(BaseModel):
    """A distillation method; its fields are what a recipe may set.

    A subclass writes `loss`, and says in `taps` which layers it reads beside the logits. Methods know nothing of each
    other or of the training step, so any number of them may be summed, each as a term with a weight.

    Class attributes:
        roles: the networks that it reads.
        default_weight: the published weight of its term.

    Example:
        >>> from keras_kd.methods import KD
        >>> KD(temperature=2.0)
        KD(temperature=2.0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    roles: ClassVar[tuple[str, ...]] = ("student", "teacher")
    default_weight: ClassVar[float] = 1.0

    def taps(self, role):
        """Names of the layers of `role` ("student", "teacher") whose outputs `loss` reads; `logits` always come."""
        return ()

    def check(self, specs):
        """Raises `UserError` where these networks cannot work with this method.

        Args:
            specs: `specs[role][tap]` has the `shape` of that signal, the batch as None.
        """

    def glue(self, specs, networks):
        """Layers trained beside the student and dropped at export, by name; none by default.

        Args:
            specs: as in `check`.
            networks: the `keras.Model` of each role.
        """
        return {}

    def loss(self, signals, labels, glue):
        """The loss of a batch.

        Args:
            signals: `signals[role][tap]`, float32 tensors (batch, ...); logits are under "logits".
            labels: int tensor (batch,), or None where there are none.
            glue: the layers that `glue` made.

        Returns:
            A float32 tensor (batch,), one loss an example; or () where the loss is of the batch as a whole.
        """
        raise TypeError(f"{type(self).__name__} has no loss: a method must define `loss(signals, labels, glue)`")
