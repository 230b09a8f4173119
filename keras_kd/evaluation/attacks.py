"""Adversarial images: how a network, and the teacher it learned from, stand images made to fool them."""

import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.models.network import INFERENCE_BATCH
from keras_kd.models.taps import LOGITS, Tapped
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint

START = 36
# In place of a logit that is not to count.
NOWHERE = -1e30


def fgsm(network, images, labels, epsilon, batch_size=INFERENCE_BATCH):
    """Images after one step of the fast gradient sign method, away from their labels.

    Args:
        network: a `keras_kd.models.network.Network`. It runs in inference mode and is not changed.
        images: (n, height, width, channels), pixels 0..255.
        labels: integers (n,), the classes to move away from.
        epsilon: the furthest that a pixel may move, in units of pixels 0..255 (8 is the literature's 8/255); 0 or more.
        batch_size: images at once.

    Returns:
        float32 array like `images`, within 0..255 and, to the bit, within `epsilon` of them.

    Raises:
        UserError: images, labels or numbers that cannot be.

    Source:
        Goodfellow et al., Explaining and Harnessing Adversarial Examples, arXiv:1412.6572.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> network = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> images = np.full((2, 8, 8, 1), 100, "uint8")
        >>> float(np.abs(fgsm(network, images, [3, 7], epsilon=8) - images).max())
        8.0
    """
    images, labels = _checked([network], images, labels)
    _check_numbers(epsilon=epsilon)
    uphill = _uphill(network)

    def attacked(part):
        return _one_step(uphill, images[part], labels[part], epsilon)

    return _by_part(attacked, images, batch_size)


def pgd(network, images, labels, epsilon, step_size, steps, seed=0, batch_size=INFERENCE_BATCH):
    """Images after projected gradient descent from a random start, away from their labels.

    Args:
        network, images, labels, epsilon, batch_size: as of `fgsm`.
        step_size: how far a pixel moves in a step, in units of pixels 0..255; 0 or more.
        steps: how many, 1 or more; after each the images are brought back to within `epsilon` and 0..255.
        seed: whole number, 0 or more. The start of an image depends on it and on the image's position.

    Returns:
        float32 array as of `fgsm`: the last step's images.

    Raises:
        UserError: images, labels or numbers that cannot be.

    Source:
        Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, arXiv:1706.06083.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> network = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> images = np.full((2, 8, 8, 1), 100, "uint8")
        >>> moved = pgd(network, images, [3, 7], epsilon=8, step_size=2, steps=3)
        >>> bool(0 < np.abs(moved - images).max() <= 8)
        True
    """
    images, labels = _checked([network], images, labels)
    _check_numbers(epsilon=epsilon, step_size=step_size, steps=steps)
    uphill = _uphill(network)

    def attacked(part):
        start = _starts(images[part], np.arange(len(images))[part], epsilon, seed)
        return _many_steps(uphill, images[part], labels[part], epsilon, step_size, steps, start)

    return _by_part(attacked, images, batch_size)


def robustness(
    student, teacher, images, labels, epsilon=8.0, steps=10, step_size=2.0, batch_size=INFERENCE_BATCH, seed=0
):
    """What student and teacher get right of adversarial images, and whether what fools the one fools the other.

    Args:
        student, teacher: `keras_kd.models.network.Network`s of the same classes; teacher None where there is none.
        images: (n, height, width, channels), pixels 0..255.
        labels: integers (n,).
        epsilon, steps, step_size, seed: as of `fgsm` and `pgd`.
        batch_size: images at once.

    Returns:
        A dict: "images", their number; "epsilon", "steps", "step_size"; "student" and "teacher", each the accuracies
        {"clean", "fgsm", "pgd"}, the attacks being on that network itself; "transfer" {"teacher_to_student",
        "student_to_teacher"}, each {"fooled", "images"}: of those images that both get right and whose PGD image fools
        the first, how many there are, and the share of which the same PGD image fools the second (None where there
        are none). Without a teacher "teacher" and "transfer" are None.

    Raises:
        UserError: images, labels or numbers that cannot be.

    Source:
        Goodfellow et al., arXiv:1412.6572; Madry et al., arXiv:1706.06083; for transfer between student and teacher
        Ojha et al., What Knowledge Gets Distilled in Knowledge Distillation?, arXiv:2205.16004.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> network = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> attacked = robustness(network, network, np.full((2, 8, 8, 1), 100, "uint8"), [3, 7], epsilon=0)
        >>> attacked["student"]["clean"] == attacked["student"]["pgd"], attacked["transfer"]["teacher_to_student"]
        (True, {'fooled': None, 'images': 0})
    """
    networks = {"student": student} if teacher is None else {"student": student, "teacher": teacher}
    images, labels = _checked(networks.values(), images, labels)
    _check_numbers(epsilon=epsilon, step_size=step_size, steps=steps)
    uphill = {role: _uphill(network) for role, network in networks.items()}
    runs = {role: backend.inference(network.model) for role, network in networks.items()}

    right = {}
    for part in _parts(len(images), batch_size):
        pixels, own = images[part], labels[part]
        start = _starts(pixels, np.arange(len(images))[part], epsilon, seed)
        shown = {("clean", role): pixels for role in networks}
        for role, of_role in uphill.items():
            shown["fgsm", role] = _one_step(of_role, pixels, own, epsilon)
            shown["pgd", role] = _many_steps(of_role, pixels, own, epsilon, step_size, steps, start)
        for (attack, attacked), seen in shown.items():
            for role, run in runs.items():
                if role == attacked or attack == "pgd":
                    known = right.setdefault((attack, attacked, role), np.zeros(len(images), bool))
                    known[part] = _right(run(seen), own)

    def accuracies(role):
        return {attack: float(right[attack, role, role].mean()) for attack in ("clean", "fgsm", "pgd")}

    def transfer(attacked, other):
        both = right["clean", attacked, attacked] & right["clean", other, other]
        fooling = both & ~right["pgd", attacked, attacked]
        count = int(fooling.sum())
        also = int((fooling & ~right["pgd", attacked, other]).sum())
        return {"fooled": also / count if count else None, "images": count}

    return {
        "images": len(images),
        "epsilon": float(epsilon),
        "steps": int(steps),
        "step_size": float(step_size),
        "student": accuracies("student"),
        "teacher": accuracies("teacher") if teacher is not None else None,
        "transfer": {
            "teacher_to_student": transfer("teacher", "student"),
            "student_to_teacher": transfer("student", "teacher"),
        }
        if teacher is not None
        else None,
    }


def _uphill(network):
    """The sign of the gradient of the cross-entropy to the images, as a function of float32 images and int32 labels."""
    tapped = Tapped(network.name, network.model, (), network.from_logits)

    def margins(images, labels):
        logits = tapped.run(images, training=False)[1][LOGITS]
        own = ops.one_hot(labels, logits.shape[-1])
        others = ops.logsumexp(ops.where(own > 0, NOWHERE, logits), axis=-1)
        # The cross-entropy is softplus of this: the same sign, and where the network is sure it does not round to 0.
        return others - ops.sum(own * logits, axis=-1), None

    compiled = backend.network_gradient(network.model, margins)

    def signs(images, labels):
        # A gradient of NaN moves nothing.
        return np.nan_to_num(np.sign(ops.convert_to_numpy(compiled(images, labels)[0])))

    return signs


def _one_step(uphill, images, labels, epsilon):
    low, high = _bounds(images, epsilon)
    return np.clip(images + np.float32(epsilon) * uphill(images, labels), low, high)


def _many_steps(uphill, images, labels, epsilon, step_size, steps, start):
    low, high = _bounds(images, epsilon)
    moved = np.clip(start, low, high)
    for _ in range(int(steps)):
        moved = np.clip(moved + np.float32(step_size) * uphill(moved, labels), low, high)
    return moved


def _starts(images, positions, epsilon, seed):
    """Each image with noise in -epsilon..epsilon of its own."""
    keys = hash_uint(START, seed, positions)
    noise = [np.random.Generator(np.random.Philox(key=int(key))).uniform(-1, 1, images.shape[1:]) for key in keys]
    return images + (epsilon * np.stack(noise)).astype("float32")


def _bounds(images, epsilon):
    """The smallest and the largest float32 pixels within epsilon of the images and 0..255."""
    exact = images.astype("float64")
    least, most = np.maximum(exact - epsilon, 0), np.minimum(exact + epsilon, 255)
    low, high = least.astype("float32"), most.astype("float32")
    # What was rounded outward is brought back by the smallest step there is.
    low = np.where(low < least, np.nextafter(low, np.float32(np.inf)), low)
    return low, np.where(high > most, np.nextafter(high, np.float32(-np.inf)), high)


def _right(output, labels):
    """Which images a network has right; none whose output holds NaN."""
    output = ops.convert_to_numpy(ops.cast(output, "float32"))
    return (output.argmax(1) == labels) & ~np.isnan(output).any(1)


def _parts(count, batch_size):
    """Slices of one size, so that nothing is compiled twice: the last begins where it must, in the one before it."""
    size = min(batch_size, count)
    return [slice(start, start + size) for start in (min(start, count - size) for start in range(0, count, size))]


def _by_part(attacked, images, batch_size):
    moved = np.empty_like(images)
    for part in _parts(len(images), batch_size):
        moved[part] = attacked(part)
    return moved


def _checked(networks, images, labels):
    """float32 images and int32 labels that fit each other and the networks."""
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4 or not len(images):
        raise UserError(
            f"attack: found images of shape {images.shape}; expected (n, height, width, channels), one at least; "
            "give a batch"
        )
    images = images.astype("float32")
    if not (images.min() >= 0 and images.max() <= 255):
        raise UserError(
            f"attack: found pixels {images.min()} to {images.max()}; expected 0..255; give the images unnormalised"
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise UserError(
            f"attack: found labels {labels.dtype} of shape {labels.shape}; expected integers of shape "
            f"{images.shape[:1]}; give one per image"
        )
    for network in networks:
        shape = getattr(network.model, "output_shape", None)
        classes = shape[-1] if shape else int(labels.max()) + 1
        if labels.min() < 0 or labels.max() >= classes:
            raise UserError(
                f"attack: found labels {labels.min()} to {labels.max()}; expected 0 to {classes - 1}, the classes of "
                f"{network.name!r}; take a network for this data"
            )
    return images, labels.astype("int32")


def _check_numbers(epsilon, step_size=0.0, steps=1):
    for name, value in (("epsilon", epsilon), ("step_size", step_size)):
        if not 0 <= value < np.inf:
            raise UserError(f"attack: {name}: found {value}; expected 0 or more, in units of pixels 0..255; correct it")
    if steps < 1 or steps != int(steps):
        raise UserError(f"attack: steps: found {steps}; expected a whole number, 1 or more; correct it")
