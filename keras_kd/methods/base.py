"""What a distillation method is: a small frozen config and a pure loss on signals."""

from types import NoneType
from typing import ClassVar, get_args

from pydantic import ConfigDict, field_validator

from keras_kd.methods.taxonomy import check_facts
from keras_kd.utils.moved import renamed
from keras_kd.utils.plain_number import plain_number
from keras_kd.utils.settings_class import Settings

# What a method may define under the name that it had in version 0.1; read for one release.
RENAMED = {"glue": "adapters", "glue_learns": "trains_adapters"}


class Method(Settings):
    """A distillation method; its fields are what a recipe may set.

    A subclass writes `loss`, and says in `taps` which layers it reads in addition to the logits. Methods know nothing
    of each other or of the training step, so any number of them may be summed, each as a term with a weight. A numeric
    field that is scheduled over the epochs reaches `loss` as a scalar tensor, so `loss` computes with fields and does
    not branch on them.

    Class attributes:
        name: as recipes, logs and errors call it; the class's name in lower case unless it is set.
        roles: the networks that it reads: "student", "teacher", "peer" (one or more, "peer_1", "peer_2", ...).
        default_weight: the published weight of its term.
        needs_labels: whether `loss` reads the labels.
        live: whether the teacher itself must run in the step, so that no stored table of its outputs can serve.
        trains_adapters: whether its adapters have weights that are trained.
        begins_after: the name of the field that says after how many epochs it begins to teach, if it waits for any.
        teacher_made_by: the name of the method that trains the teachers it needs, if it takes no others.
        paper: authors and year, as a table shows them.
        cites: keys of `keras_kd.recipe.citations.BIBTEX`.
        numbers_from: where the default weight and settings come from.
        knowledge: what it passes on: "response", "feature" or "relation", as `keras_kd.methods.taxonomy` defines them.
        scheme: who teaches: "offline", "online" or "self", as defined there.
        problems: those of `keras_kd.methods.taxonomy.PROBLEMS` that a source says it answers, each with that source.
        zero_when_matched: whether the loss at `matched` is zero (a law; else it is only the minimum).
        order_matters: whether the order of the batch changes the loss.
        shift_invariant: whether a constant added to a network's logits changes nothing (a law where no layer is read).
        sums_over_classes: whether a class that no network believes in adds nothing (a law where no layer is read).

    Example:
        >>> from keras_kd.methods import KD
        >>> KD(temperature=2.0).temperature
        2.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str] = "method"
    roles: ClassVar[tuple[str, ...]] = ("student", "teacher")
    default_weight: ClassVar[float] = 1.0
    needs_labels: ClassVar[bool] = False
    live: ClassVar[bool] = False
    trains_adapters: ClassVar[bool] = False
    glue_learns: ClassVar[bool] = False  # its name before
    begins_after: ClassVar[str] = ""
    teacher_made_by: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    cites: ClassVar[tuple[str, ...]] = ()
    numbers_from: ClassVar[str] = ""
    knowledge: ClassVar[str] = ""
    scheme: ClassVar[str] = ""
    problems: ClassVar[dict[str, str]] = {}
    zero_when_matched: ClassVar[bool] = True
    order_matters: ClassVar[bool] = False
    shift_invariant: ClassVar[bool] = True
    sums_over_classes: ClassVar[bool] = True

    @classmethod
    def __pydantic_init_subclass__(cls, **options):
        super().__pydantic_init_subclass__(**options)
        cls.name = cls.__dict__.get("name", cls.__name__.lower())
        before = {}
        for old, new in RENAMED.items():
            home = next(base for base in cls.__mro__ if old in vars(base) or new in vars(base))
            if new not in vars(home):
                before[old] = new
                setattr(cls, new, vars(home)[old])
            elif home is cls:
                setattr(cls, old, vars(cls)[new])
        check_facts(cls)
        if before:
            renamed(f"{', '.join(before)} in {cls.__name__}", ", ".join(before.values()), level=4)

    @classmethod
    def said_elsewhere(cls, name, value, call):
        """Where the weight of a term, and a number that changes over the epochs, are given."""
        if name in ("weight", "schedules"):
            return f"{name} is of a term, not of its method; write Term({call}, {name}={value!r})"
        return None

    @field_validator("*", mode="before")
    @classmethod
    def _no_text_as_a_number(cls, value, field):
        annotation = cls.model_fields[field.field_name].annotation
        types = set(get_args(annotation)) or {annotation}
        numeric = types <= {int, float, NoneType}
        if numeric and isinstance(value, Settings):
            raise ValueError(
                f"a number; one that changes is of the term: schedules={{{field.field_name!r}: Schedule(...)}}"
            )
        return plain_number(value) if numeric else value

    def taps(self, role):
        """Names of the layers of `role` ("student", "teacher", "peer") that `loss` reads; `logits` always come.

        For the role "data" it may name "index", the position of each example in the training set, and "images", as the
        networks see them.
        """
        return ()

    def student(self, student, networks):
        """The network to train and to export, made of the student that was given; by default that one itself.

        Args:
            student: a built `keras.Model`.
            networks: the `keras.Model` of each other role.
        """
        return student

    def check(self, specs):
        """Raises `UserError` where these networks cannot work with this method.

        Args:
            specs: `specs[role][tap]` has the `shape` of that signal, the batch as None. `specs["data"]` has "images",
                "index" where there is one, and "examples", the number of training examples or None.
        """

    def adapters(self, specs, networks):
        """Layers between student and teacher, trained with the student and dropped at export, by name; none by default.

        `keras_kd.models.stages.Stages` is one that trains nothing: it runs later parts of a network in `loss`.

        Args:
            specs: as in `check`.
            networks: the `keras.Model` of each role.
        """
        return {}

    glue = adapters  # its name before

    def for_pixels(self, mean, std):
        """The method for networks that take pixels 0..255, as all networks of a recipe do; by default itself.

        Args:
            mean, std: of the data in units of pixels / 255, one number a channel; None where they are not known.
        """
        return self

    def check_images(self, images):
        """Raises `UserError` where images cannot be what the settings say that the networks take.

        Args:
            images: an array (n, ...), some of those that `fit` was given.
        """

    def extra_images(self, images, labels, run, adapters):
        """Images made in the step on which student and teacher are run as well, or None.

        They come back in `loss` as `signals["student"]["extra"]` and `signals["teacher"]["extra"]` (logits), and
        `signals["data"]["extra_weight"]`. It is called outside the gradient.

        Args:
            images: float32 tensor (batch, height, width, channels), as the networks see them.
            labels: int tensor (batch,), or None.
            run: `run(role, images)` gives the float32 logits of a network in inference mode.
            adapters: the layers that `adapters` made (a seed generator, say).

        Returns:
            None, or (images (n, height, width, channels), weight float32 (n,)).
        """
        return None

    def begin_epoch(self, epoch, adapters):
        """Called as an epoch begins, outside the step; what it changes must be weights of `adapters`, which are saved.

        Args:
            epoch: counted from 0.
            adapters: the layers that `adapters` made.
        """

    def loss(self, signals, labels, adapters):
        """The loss of a batch.

        Args:
            signals: `signals[role][tap]`, float32 tensors (batch, ...); logits are under "logits".
            labels: int tensor (batch,), or None where there are none.
            adapters: the layers that `adapters` made.

        Returns:
            A float32 tensor (batch,), one loss per example; or () where the loss is of the batch as a whole.
        """
        raise TypeError(f"{type(self).__name__} has no loss: a method must define `loss(signals, labels, adapters)`")

    def matched(self, signals, labels):
        """The student's signals at which `loss` is least, given the others'; for the laws that methods are held to.

        By default the teacher's own. None where the minimum depends on what the adapters have learnt.

        Args:
            signals: the signals of the other roles.
            labels: as in `loss`.

        Returns:
            {tap: array} of the student, or None.
        """
        return signals.get("teacher")
