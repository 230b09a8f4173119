"""Training the networks of a recipe that teach each other by counterfactual examples, to `student.keras`."""

import json
import time

import keras
import numpy as np

from keras_kd import backend
from keras_kd.data.epochs import Epochs
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.evaluation.decision_surface import decision_surface
from keras_kd.report.decision_surfaces import POINTS
from keras_kd.report.report import CooperatingNetworks
from keras_kd.report.soundness import PUT_BACK
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.training.cooperate import cooperate
from keras_kd.training.cooperation_settings import Cooperation
from keras_kd.training.history import write_csv
from keras_kd.training.member import Member
from keras_kd.training.schedules import learning_rate
from keras_kd.utils import stages
from keras_kd.utils.account import verified
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.quiet import quiet_start
from keras_kd.utils.steps import step
from keras_kd.workflows.run.build import build_distiller, build_peers, build_student
from keras_kd.workflows.run.feed import rate_of, validation_batches
from keras_kd.workflows.run.folder import read_history

STUDENT = "student"
# The order of training, and the views, of each network are drawn from a seed of its own, so far apart.
SEEDS_APART = 1000
# The corners of the plane of images of two pixels.
LOW, HIGH = [0.0, 0.0], [255.0, 255.0]


def train_cooperating(context, *, begin, room_for, anew=False):
    """Trains a student and its peers, going on from where they stand; leaves `student.keras` and the peers.

    Args:
        context: the `RunContext`.
        begin: called once everything is built.
        room_for: called with the models, refuses where the run cannot be written.
        anew: passes over the state that is there.

    Raises:
        UserError: networks that cannot cooperate.
    """
    recipe, dataset, files = context.recipe, context.dataset, context.files
    if recipe.fit.deterministic:
        backend.make_deterministic()
    networks = [build_student(recipe, dataset), *build_peers(recipe, dataset)]
    names = [STUDENT, *(f"peer_{number}" for number in range(1, len(networks)))]
    room_for([network.model for network in networks])
    recipe.data.family.check(dataset.image_shape)
    parts = own_images(dataset.train.labels, len(networks), recipe.cooperative.images)
    members = [
        Member(name, network.model, dataset.train.images[part], dataset.train.labels[part], None, network.from_logits)
        for name, network, part in zip(names, networks, parts, strict=True)
    ]
    training = _Training(context, networks, members)
    begin()
    if anew:
        files.state.unlink(missing_ok=True)
    held_out = dataset.held_out.images, np.asarray(dataset.held_out.labels)
    found = cooperate(members, held_out, settings_of(recipe), state=files.state, training=training, log=context.log)
    _keep(context, members, training, found)


def settings_of(recipe):
    """How the networks of a recipe cooperate: its `Cooperation`."""
    spec = recipe.cooperative
    given = {name: value for name, value in spec.model_dump().items() if name not in ("images", "held_out")}
    return Cooperation(first_epochs=recipe.fit.epochs, batch_size=recipe.fit.batch_size, seed=recipe.seed, **given)


def own_images(labels, count, images):
    """Which training images each of some networks is trained on: a list of int arrays of positions.

    Args:
        labels: int array (n,).
        count: how many networks there are.
        images: "all"; "parts": every count-th image; "classes": not those of every count-th class.

    Raises:
        UserError: a network would have none.

    Example:
        >>> [part.tolist() for part in own_images(np.array([0, 1, 2, 0]), 2, "parts")]
        [[0, 2], [1, 3]]
        >>> [part.tolist() for part in own_images(np.array([0, 1, 2, 0]), 2, "classes")]
        [[1], [0, 2, 3]]
    """
    labels, numbers = np.asarray(labels), range(count)
    if images == "all":
        chosen = [np.arange(len(labels)) for _ in numbers]
    elif images == "parts":
        chosen = [np.arange(number, len(labels), count) for number in numbers]
    else:
        chosen = [np.flatnonzero(labels % count != number) for number in numbers]
    if not all(map(len, chosen)):
        raise UserError(
            f"cooperative: images: {images} leaves a network without training images; expected some for each of "
            f"{count}; take fewer peers, or images: all"
        )
    return chosen


def measured(files):
    """What came of a cooperation, for the report; None of a run without one.

    Args:
        files: the `RunFolder`.

    Raises:
        UserError: the file is not as the run made it.
    """
    if not files.cooperation.exists():
        return None
    found = json.loads(verified(files.cooperation, PUT_BACK).read_text(encoding="utf-8"))
    found.pop("surfaces", None)
    return CooperatingNetworks(**found)


class _Training:
    """Trains each network as a run trains a student on labels alone, an epoch at a time."""

    def __init__(self, context, networks, members):
        self.context, self.members, self.names = context, members, [network.name for network in networks]
        recipe = context.recipe
        self.fit, self.spec = recipe.fit, recipe.cooperative
        alone = recipe.model_copy(update={"peers": (), "cooperative": None})
        # Their images change from round to round, so that they are sent with each batch.
        self.distillers = [
            build_distiller(alone, None, network, ViewRenderer(recipe.data.family, None), examples=len(member.y))
            for network, member in zip(networks, members, strict=True)
        ]

    def variables(self, number):
        """All that training changes of a network."""
        distiller = self.distillers[number]
        distiller.optimizer.build(distiller.trainable_variables)
        return distiller.state()

    def learn(self, number, x, y, place, after):
        """Trains a network from an epoch of a round to the round's end; arguments as of `PlainTraining.learn`."""
        recipe, dataset, views = self.context.recipe, self.context.dataset, self.context.recipe.data.family
        step(f"training {self.members[number].name} in round {place.round}", tell=False)
        before = self.fit.epochs + (place.round - 1) * self.spec.epochs if place.round else 0
        passed = before + place.epoch
        seed = (recipe.seed + SEEDS_APART * number) % 2**31
        fed = Epochs(
            x, y, views, self.fit.batch_size, seed, passed, image_shape=dataset.image_shape, classes=dataset.classes
        )
        rate = keras.callbacks.LearningRateScheduler(lambda epoch: self._rate(place.round, epoch - before))
        self.distillers[number].fit(
            fed,
            initial_epoch=passed,
            epochs=before + (self.spec.epochs if place.round else self.fit.epochs),
            shuffle=False,
            verbose=0,
            callbacks=[rate, StopOnNonFinite(), _AfterEpoch(self.context.files if number == 0 else None, after)],
            validation_data=validation_batches(self.context) if number == 0 else None,
        )
        if place.round == 0:
            self._keep_before(number)

    def _rate(self, round_, epoch):
        fit = self.fit
        if round_:
            return learning_rate(epoch, base=fit.learning_rate, epochs=self.spec.epochs, decay=fit.decay)
        return rate_of(fit, epoch)

    def _keep_before(self, number):
        """What a network is right on before the first round: of the test images, which decide nothing."""
        found = _read(self.context.files) if number else {}
        name = self.members[number].name
        kept = {"before": {**found.get("before", {}), name: self.right(number)}}
        surface = self.surface(number)
        if surface is not None:
            kept["surfaces"] = {**found.get("surfaces", {}), name: surface}
        _write(self.context.files, kept)

    def right(self, number):
        """Top-1 accuracy of a network on the test images, 0..1."""
        test = self.context.dataset.test
        return float((self.members[number].said(test.images).argmax(1) == np.asarray(test.labels)).mean())

    def surface(self, number):
        """Which class a network names at each point of the plane; None of images of more or fewer pixels than two."""
        if not in_a_plane(self.context.dataset.image_shape):
            return None
        shape = self.context.dataset.image_shape
        return decision_surface(lambda points: self.members[number].said(points.reshape(-1, *shape)), LOW, HIGH)


class _AfterEpoch(keras.callbacks.Callback):
    """Adds an epoch of the student to the history, then says that it is over."""

    def __init__(self, files, after):
        super().__init__()
        self.files, self.after, self.begun = files, after, time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if self.files is not None:
            row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
            row["seconds"] = round(time.monotonic() - self.begun, 3)
            # Of an epoch that is trained once more after a kill the row is there already.
            write_csv([*read_history(self.files)[:epoch], row], self.files.history)
        self.begun = time.monotonic()
        stages.mark()
        self.after()


def in_a_plane(image_shape):
    """Whether images are points of a plane: two pixels of one channel, or one of two."""
    return int(np.prod(image_shape)) == 2


def _plane(members, training, found, before):
    """The surfaces of all networks before and after, with points; None where there is no plane."""
    if before is None:
        return None
    networks = [
        {
            "name": member.name,
            "before": before[member.name],
            "after": training.surface(number),
            "points": _points(member.x, member.y),
            "written": _points(found.examples[number].x, found.examples[number].y),
        }
        for number, member in enumerate(members)
    ]
    return {"low": LOW, "high": HIGH, "networks": networks}


def _points(x, y):
    return [[*map(float, point.ravel()), int(label)] for point, label in zip(x[:POINTS], y[:POINTS], strict=True)]


def _keep(context, members, training, found):
    """Writes what training leaves, the student last: once it is there, training is done."""
    files, kept = context.files, _read(context.files)
    before, plane = kept["before"], _plane(members, training, found, kept.get("surfaces"))
    rows = []
    for number, (member, model) in enumerate(zip(members, training.names, strict=True)):
        file = files.peer(number) if number else files.student
        rows.append(
            {
                "name": member.name,
                "model": model,
                "file": file.name,
                "images": len(member.y),
                "before": before[member.name],
                "top1": training.right(number),
                "written": len(found.examples[number]),
            }
        )
    made = {"before": before, "networks": rows, "rounds": found.rows}
    # The surfaces before stay: killed from here on, this is done once more.
    _write(files, made if plane is None else {**made, "plane": plane, "surfaces": kept["surfaces"]})
    for number in range(1, len(members)):
        with atomic_write(files.peer(number)) as temporary, quiet_start():
            members[number].model.save(temporary)
    write_csv(read_history(files), files.history, done=True)
    with atomic_write(files.student) as temporary, quiet_start():
        training.distillers[0].save(temporary)
    files.state.unlink(missing_ok=True)


def _read(files):
    return json.loads(files.cooperation.read_text(encoding="utf-8"))


def _write(files, values):
    with atomic_write(files.cooperation) as temporary:
        temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
