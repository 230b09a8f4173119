"""A step of SampledDistiller over one of Distiller with KD, where classes are very many: time, memory, error.

    python benchmarks/many_classes.py [--quick] [--json] [--backend jax]

Both networks are a Dense layer of 128 and the last layer, so that nearly all that a step costs is of the classes.
Time: steps of all ways in turn, in one process. Memory: the peak of three steps in a process of its own, over what it
had before them. Error: of loss and gradient over drawn classes to those of all, at temperature 1 and 4; the gradient is
that to the student's features. Each draw is of one batch. The teacher has about half of its probability on the label,
the student is near to it. "even": all classes alike; "zipf": class k is as frequent, and as likely to both networks, as
1 / k. The ranks are those after 100 batches. "alike" is the cosine of both gradients, "mean" the error of the mean
gradient of all draws: what is left of it is bias, and chance of so few draws.
"""

import os
import subprocess
import sys

import numpy as np
from measuring import finish, interleaved, options, spread

SIZE, BATCH, STEPS = 128, 128, 2
WAYS = {"dense": None, "uniform 1000": ("uniform", 1000), "rank 1000": ("rank", 1000), "rank 4000": ("rank", 4000)}


def distiller(way, classes):
    """A compiled distiller of a way of WAYS."""
    import keras

    from keras_kd import DIS, KD, SGD, Distiller, SampledDistiller

    def network():
        layers = [keras.Input((SIZE,)), keras.layers.Dense(SIZE, activation="relu"), keras.layers.Dense(classes)]
        return keras.Sequential(layers)

    if WAYS[way] is None:
        made = Distiller(network(), network(), KD(temperature=4.0), label_weight=0.1)
    else:
        proposal, samples = WAYS[way]
        made = SampledDistiller(network(), network(), DIS(temperature=4.0, samples=samples, proposal=proposal))
    made.compile(optimizer=SGD(0.05, momentum=0.9))
    return made


def batches(classes, steps):
    generator = np.random.default_rng(0)
    images = generator.normal(size=(steps * BATCH, SIZE)).astype("float32")
    return images, generator.integers(0, classes, steps * BATCH).astype("int32")


def fit(made, classes, steps):
    """A function that trains some steps."""
    images, labels = batches(classes, steps)
    return lambda: made.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0)


def megabytes(what):
    """What this process has of memory ("VmRSS"), or the most that it had ("VmHWM"), in MB."""
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith(what))
    return int(line.split()[1]) / 1024


def memory(way, classes):
    """Peak MB of three steps in a process of its own, over that before them."""
    code = (
        "import many_classes as m\n"
        f"made = m.distiller({way!r}, {classes})\n"
        "made.optimizer.build(made.trainable_variables)\n"
        f"train = m.fit(made, {classes}, 3)\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"  # the peak begins anew
        "before = m.megabytes('VmRSS')\n"
        "train()\nprint(m.megabytes('VmHWM') - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=os.path.dirname(__file__), capture_output=True, text=True, check=True
    )
    return round(float(done.stdout.split()[-1]))


class Task:
    """A teacher's and a student's last layers, and batches of features of both."""

    def __init__(self, classes, zipf):
        self.generator = generator = np.random.default_rng(1)
        self.teacher = generator.normal(size=(SIZE, classes)).astype("float32") / np.float32(np.sqrt(SIZE))
        noise = generator.normal(size=self.teacher.shape).astype("float32") / np.float32(np.sqrt(SIZE))
        self.student = self.teacher + np.float32(0.3) * noise
        frequency = 1 / np.arange(1, classes + 1) ** (1.0 if zipf else 0.0)
        self.frequency = frequency / frequency.sum()
        self.bias = np.log(self.frequency).astype("float32")
        # The features' length with which a label of middling frequency has as much as all other classes together.
        lengths = np.arange(1, 40, 0.05)
        middling = np.median(self.bias[generator.choice(classes, 1000, p=self.frequency)])
        self.length = np.float32(lengths[np.argmax(lengths + middling >= lengths**2 / SIZE / 2)])

    def batch(self):
        """(labels, the teacher's features, the student's)."""
        labels = self.generator.choice(len(self.frequency), BATCH, p=self.frequency)
        of_label = self.teacher[:, labels].T
        features = self.length * of_label / np.linalg.norm(of_label, axis=-1, keepdims=True)
        noise = self.generator.normal(size=features.shape).astype("float32") / np.float32(np.sqrt(SIZE))
        return labels.astype("int32"), features, features + np.float32(0.2) * self.length * noise


def error_of(way, task, temperature, draws):
    """How far loss and gradient of drawn classes are from those of all, by draw, as medians with quartiles."""
    from keras import ops

    from keras_kd import DIS, backend
    from keras_kd.methods.parts import class_sampling as sampling
    from keras_kd.methods.parts.class_sampler import ClassSampler
    from keras_kd.methods.parts.divergence import kl_divergence

    proposal, samples = WAYS[way]
    classes = len(task.frequency)
    method, sampler = DIS(proposal=proposal, samples=samples), ClassSampler(classes)

    def logits_of(chosen, of_student, of_teacher):
        for features, kernel in ((of_teacher, task.teacher), (of_student, task.student)):
            yield sampling.logits_at(chosen, features, kernel, task.bias) / temperature

    def of_drawn(of_student, others):
        labels, of_teacher, drawn, log_weights = others
        chosen, log_weights = sampling.with_labels(labels, drawn, log_weights)
        divergence = sampling.sampled_divergence(*logits_of(chosen, of_student, of_teacher), log_weights)
        return temperature**2 * ops.mean(divergence)

    def of_all(of_student, of_teacher):
        teacher, student = (
            (ops.matmul(features, kernel) + task.bias) / temperature
            for features, kernel in ((of_teacher, task.teacher), (of_student, task.student))
        )
        return temperature**2 * ops.mean(kl_divergence(teacher, student))

    for _ in range(100 if proposal == "rank" else 0):
        labels, of_teacher, of_student = task.batch()
        chosen, log_weights = sampling.with_labels(labels, *sampler.draw(method))
        sampler.remember(chosen, *logits_of(chosen, of_student, of_teacher), log_weights)
    labels, of_teacher, of_student = task.batch()
    exact, whole = (np.asarray(one) for one in backend.value_and_gradients(of_all)(of_student, of_teacher))
    run = backend.value_and_gradients(of_drawn)
    drawn = [run(of_student, (labels, of_teacher, *sampler.draw(method))) for _ in range(draws)]
    return errors([float(value) for value, _ in drawn], [np.asarray(one) for _, one in drawn], float(exact), whole)


def errors(losses, gradients, loss, gradient):
    """Losses and gradients of draws compared with those of all classes."""
    norm = np.linalg.norm(gradient)
    return {
        "loss_of_all": loss,
        "loss": spread(np.abs(np.array(losses) / loss - 1)),
        "gradient": spread(np.array([np.linalg.norm(one - gradient) / norm for one in gradients])),
        "alike": spread(np.array([(one * gradient).sum() / np.linalg.norm(one) / norm for one in gradients])),
        "loss_of_mean": round(abs(np.mean(losses) / loss - 1), 5),
        "gradient_of_mean": round(float(np.linalg.norm(np.mean(gradients, axis=0) - gradient) / norm), 5),
    }


def measure(classes, rounds, draws):
    """All of one number of classes."""
    made = {way: fit(distiller(way, classes), classes, STEPS) for way in WAYS}
    times = interleaved(made, rounds)
    found = {}
    for way, one in times.items():
        found[way] = {
            "seconds_a_step": {kind: spread(values / STEPS) for kind, values in one.items()},
            "over_dense": {kind: spread(values / times["dense"][kind]) for kind, values in one.items()},
            "peak_megabytes": memory(way, classes),
        }
        print(f"{classes:,} classes, {way}: {found[way]['peak_megabytes']} MB", file=sys.stderr, flush=True)
    tasks = {name: Task(classes, name == "zipf") for name in ("even", "zipf")}
    for way in [way for way in WAYS if WAYS[way] is not None]:
        found[way]["error"] = {
            name: {f"{temperature:g}": error_of(way, task, temperature, draws) for temperature in (1.0, 4.0)}
            for name, task in tasks.items()
        }
        print(f"{classes:,} classes, {way}: errors", file=sys.stderr, flush=True)
    return found


def rows(measured):
    """The lines of the two tables."""
    yield f"{'':>8} {'':<13} {'CPU ms a step':>24} {'wall ms':>8} {'over dense: CPU':>16} {'wall':>5} {'peak MB':>8}"
    for classes, ways in measured.items():
        for way, one in ways.items():
            cpu, over = one["seconds_a_step"]["cpu"], one["over_dense"]
            low, middle, high = (f"{1e3 * cpu[key]:.0f}" for key in ("low", "median", "high"))
            yield (
                f"{classes:>8} {way:<13} {f'{middle} ({low} to {high})':>24} "
                f"{1e3 * one['seconds_a_step']['wall']['median']:>8.0f} {over['cpu']['median']:>16.2f} "
                f"{over['wall']['median']:>5.2f} {one['peak_megabytes']:>8}"
            )
    yield f"{'':>8} {'':<13} {'task':<5} {'T':>2} {'loss off':>9} {'mean':>6} {'gradient off':>13} {'mean':>6} alike"
    for classes, ways in measured.items():
        for way, one in ways.items():
            for task, found in one.get("error", {}).items():
                for temperature, off in found.items():
                    yield (
                        f"{classes:>8} {way:<13} {task:<5} {temperature:>2} {off['loss']['median']:>9.4f} "
                        f"{off['loss_of_mean']:>6.4f} {off['gradient']['median']:>13.3f} "
                        f"{off['gradient_of_mean']:>6.3f} {off['alike']['median']:>6.3f}"
                    )


def main():
    chosen = options(__doc__, rounds=(int, 5, "rounds timed"), draws=(int, 30, "draws of classes that errors are of"))
    numbers, rounds, draws = ((10_000,), 2, 5) if chosen.quick else ((10_000, 100_000), chosen.rounds, chosen.draws)
    measured = {str(classes): measure(classes, rounds, draws) for classes in numbers}
    result = {"features": SIZE, "batch_size": BATCH, "steps_a_round": STEPS, "draws": draws, "classes": measured}
    finish("many_classes", result, "\n".join(rows(measured)), chosen)


if __name__ == "__main__":
    main()
