"""How long a line of the queue takes: an estimate from its multiply-accumulates, or what was measured already."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from gpu_queue import GROUPS

# Of the networks of the recipes, built for 32x32 pixels and 100 classes: (multiply-accumulates of a forward pass of one
# image by `keras_kd.models.cost.macs`, layers with a kernel). tests/test_gpu_queue.py holds them to the networks.
NETWORKS = {
    "resnet20": (40_818_944, 22),
    "resnet32": (69_130_496, 34),
    "resnet56": (125_753_600, 58),
    "resnet110": (253_155_584, 112),
    "resnet8x4": (177_071_104, 11),
    "resnet32x4": (1_083_040_768, 35),
    "wrn_16_2": (101_118_464, 17),
    "wrn_40_1": (83_286_272, 40),
    "wrn_40_2": (327_610_880, 41),
    "vgg8": (96_192_512, 6),
    "vgg13": (284_936_192, 11),
    "resnet50_cifar": (1_298_014_208, 54),
    "mobilenetv2_half": (6_523_648, 54),
    "shufflenet_v1": (38_691_456, 112),
    "shufflenet_v2": (44_504_448, 57),
}
# What the estimates assume of a device like an H100; none of it was measured.
RATE = 400e12  # operations a second of large TF32 products
SHARE_TRAINING, SHARE_FORWARD = 0.05, 0.10  # of it that convolutions of 16 to 256 channels reach
KERNEL = 4e-6  # seconds of the smallest kernel
KERNELS_TRAINING, KERNELS_FORWARD = 8, 3  # of them for a layer with a kernel, in a training step and in a forward pass
START = 50  # seconds of a process: imports, compiling, measuring its student
TEACHER_BATCH = 250
ASSUMPTIONS = (
    f"estimates: {RATE / 1e12:.0f} TFLOP/s, of which small convolutions reach {SHARE_TRAINING:.0%} in training and "
    f"{SHARE_FORWARD:.0%} in inference, at least {KERNEL * 1e6:.0f} us a kernel with {KERNELS_TRAINING} and "
    f"{KERNELS_FORWARD} kernels a layer, {START} s to start and to measure a run"
)


@dataclass(frozen=True)
class Cost:
    """Seconds of what is left of a line.

    Args:
        seconds: of all of its seeds, one after the other.
        measured: whether they follow from what was measured on this device; an estimate otherwise.
        whole: whether it is not to be begun where it cannot end.
    """

    seconds: float
    measured: bool = False
    whole: bool = False


def step_seconds(student, batch, teacher=None):
    """An estimate of one training step, with a teacher that runs in it or none."""
    macs, layers = NETWORKS[student]
    seconds = max(6 * macs * batch / (SHARE_TRAINING * RATE), layers * KERNELS_TRAINING * KERNEL)
    return seconds + (forward_seconds(teacher, batch) if teacher else 0)


def forward_seconds(network, batch):
    """An estimate of a network's inference on one batch."""
    macs, layers = NETWORKS[network]
    return max(2 * macs * batch / (SHARE_FORWARD * RATE), layers * KERNELS_FORWARD * KERNEL)


def reads(recipe):
    """How a recipe's teacher is read: "none", from the "bank", or "live"."""
    from keras_kd.methods.find import make

    methods = [make(term) for term in recipe.terms]
    reading = [method for method in methods if "teacher" in method.roles]
    if recipe.teacher is None or not reading:
        return "none"
    maps = any(tap not in ("logits", "pooled") for method in reading for tap in method.taps("teacher"))
    return "live" if maps or any(method.live for method in reading) else "bank"


class Estimator:
    """What lines cost, as far as is known.

    Args:
        of_line: {name of a line: seconds an epoch} that were measured on this device.
        gains: how many times faster than one after the other trainings are that share the device, of lines of one seed
            and of several, as the choice has measured it.
        images: training images.
    """

    def __init__(self, of_line=(), gains=(1.0, 1.0), images=50_000):
        self.of_line, self.gains, self.images = dict(of_line), gains, images
        self._plain = {}

    def epoch(self, line):
        """(seconds of an epoch, whether that was measured)."""
        if line.name in self.of_line:
            return self.of_line[line.name], True
        ratios = [self.of_line[name] / seconds for name, seconds in self._plain.items() if name in self.of_line]
        return self._estimate(line) * (statistics.median(ratios) if ratios else 1.0), False

    def _estimate(self, line):
        if line.name not in self._plain:
            recipe = self.recipe(line)
            teacher = Path(recipe.teacher.members[0].model).stem if reads(recipe) == "live" else None
            step = step_seconds(recipe.student.model, recipe.fit.batch_size, teacher)
            self._plain[line.name] = step * -(-self.images // recipe.fit.batch_size)
        return self._plain[line.name]

    @staticmethod
    def recipe(line):
        """The recipe of a line."""
        from keras_kd.recipe.load import load

        return load(str(line.path))

    def of(self, line, left):
        """The `Cost` of what is left of a line.

        Args:
            line: a `Line`.
            left: of a training {seed: epochs that are left}; else the share that is left, 0..1.
        """
        if line.kind == "train":
            seconds, measured = self.epoch(line)
            # What was measured has in it what trainings gain together.
            faster = 1.0 if self.of_line else self.gains[len(left) > 1]
            todo = [epochs for epochs in left.values() if epochs is not None]
            return Cost(sum(START + epochs * seconds / faster for epochs in todo), measured)
        if line.kind == "bank":
            teacher = Path(self.recipe(line).teacher.members[0].model).stem
            views = 162 * self.images * left
            return Cost(START + views / TEACHER_BATCH * forward_seconds(teacher, TEACHER_BATCH) if left else 0)
        return Cost(60 * line.minutes * left, whole=line.kind == "measure")


def in_calls(costs, minutes):
    """Lines laid out in calls: [(number of the call, counted from 1, line, seconds of it in that call, `Cost`)].

    Args:
        costs: [(line, `Cost`)] in the queue's order.
        minutes: of a call.
    """
    room = 60 * minutes
    number, left, found = 1, room, []
    for line, cost in costs:
        seconds = cost.seconds
        while seconds > 0:
            enough = min(seconds, START + 10) if not cost.whole else min(seconds, room)
            if left < enough:
                number, left = number + 1, room
            now = min(seconds, left)
            found.append((number, line, now, cost))
            seconds, left = seconds - now, left - now
            # What is broken off starts again.
            seconds += START if seconds > 0 and line.kind == "train" else 0
    return found


def plan_table(laid_out, done, measured_on):
    """The lines of `--plan`.

    Args:
        laid_out: of `in_calls`.
        done: {name: what is done of it, in words}.
        measured_on: the device of which there are measured rates, or None.
    """
    lines, before = [], None
    for number, line, seconds, cost in laid_out:
        if number != before:
            of_call = sum(one[2] for one in laid_out if one[0] == number)
            lines.append(f"call {number} ({of_call / 60:.1f} minutes)")
            before = number
        seeds = "" if len(line.seeds) < 2 else f", seeds {' '.join(map(str, line.seeds))}"
        kind = "measured rate" if cost.measured else "estimate"
        said = f"; {done[line.name]}" if line.name in done else ""
        lines.append(f"  {line.group}  {line.name + seeds:<44} {seconds / 60:>6.1f}  {kind}{said}")
    finished = [name for name, said in done.items() if said == "done"]
    if finished:
        lines.insert(0, f"done: {', '.join(finished)}")
    whole = sum(one[2] for one in laid_out) / 60
    lines.append(f"{whole:.0f} minutes in all, of a device like an H100; (a) to (f):")
    lines += [f"  ({letter}) {title}" for letter, title in GROUPS.items()]
    lines.append(ASSUMPTIONS)
    if measured_on:
        lines.append(f"measured rates are of {measured_on}")
    return lines


def read_json(path):
    """What a file holds, or None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
