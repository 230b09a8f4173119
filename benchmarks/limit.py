"""How near a banked step comes to what the device can do: the bare compiled student step, and the device's matrix rate.

    python benchmarks/limit.py [--quick] [--json] [--backend jax]

`bare` is a hand-written step (forward, cross-entropy, backward, SGD with momentum) on images that are ready, compiled
as the backend is compiled here, with nothing of keras_kd or of Keras's training loop in it. `banked` is
`Distiller.fit`: views rendered, KD with the teacher looked up, metrics. The matrix rate is that of one product of large
float32 matrices.
"""

import tempfile

import numpy as np
from measuring import finish, interleaved, options, spread

LIKE = {"image_shape": (32, 32, 3), "classes": 100, "mean": (0.5,) * 3, "std": (0.25,) * 3}
DIGITS = {"image_shape": (8, 8, 1), "classes": 10}
# (teacher, student, what both are built for, whether several steps a call are timed on a CPU too).
PAIRS = (
    ("resnet56", "resnet20", LIKE, False),
    ("resnet32x4", "resnet8x4", LIKE, False),
    ("resnet20", "resnet8", LIKE, True),
    ("digits_cnn", "digits_tiny", DIGITS, True),
)


def bare_steps_of_tensorflow(student, images, labels, batch):
    import tensorflow as tf

    velocity = [tf.Variable(tf.zeros_like(one)) for one in student.trainable_variables]

    @tf.function(jit_compile=bool(tf.config.list_logical_devices("GPU")))
    def step(pixels, truth):
        with tf.GradientTape() as tape:
            logits = student(pixels, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits))
        gradients = tape.gradient(loss, student.trainable_variables)
        for one, speed, gradient in zip(student.trainable_variables, velocity, gradients, strict=True):
            speed.assign(0.9 * speed + gradient + 5e-4 * one)
            one.assign_sub(0.05 * speed)
        return loss

    pixels, truth = tf.constant(images.astype("float32")), tf.constant(labels)
    parts = [(pixels[at : at + batch], truth[at : at + batch]) for at in range(0, len(images), batch)]

    def train():
        for part in parts:
            loss = step(*part)
        loss.numpy()

    return train


def step_of_jax(student):
    """(a step: (state, (pixels, labels)) to state, the state to begin with) of a student, not compiled."""
    import jax
    import jax.numpy as jnp

    def loss_of(trainable, others, pixels, truth):
        logits, others = student.stateless_call(trainable, others, pixels, training=True)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), truth[:, None], 1).mean(), others

    def step(state, part):
        trainable, velocity, others = state
        gradients, others = jax.grad(loss_of, has_aux=True)(trainable, others, *part)
        velocity = [0.9 * v + g + 5e-4 * w for v, g, w in zip(velocity, gradients, trainable, strict=True)]
        trainable = [w - 0.05 * v for w, v in zip(trainable, velocity, strict=True)]
        return trainable, velocity, others

    trainable = [jnp.array(one.value) for one in student.trainable_variables]
    others = [jnp.array(one.value) for one in student.non_trainable_variables]
    return step, (trainable, [jnp.zeros_like(one) for one in trainable], others)


def bare_steps_of_jax(student, images, labels, batch):
    import jax
    import jax.numpy as jnp

    step, state = step_of_jax(student)
    step = jax.jit(step, donate_argnums=0)
    pixels, truth = jnp.asarray(images.astype("float32")), jnp.asarray(labels)
    parts = [(pixels[at : at + batch], truth[at : at + batch]) for at in range(0, len(images), batch)]

    def train():
        nonlocal state
        for part in parts:
            state = step(state, part)
        jax.block_until_ready(state)

    return train


def matrix_product(backend, size):
    """A function that multiplies two (size, size) float32 matrices ten times."""
    generator = np.random.default_rng(0)
    one, other = (generator.normal(size=(size, size)).astype("float32") for _ in range(2))
    if backend == "jax":
        import jax
        import jax.numpy as jnp

        one, other, product = jnp.asarray(one), jnp.asarray(other), jax.jit(jnp.matmul)
        return lambda: [jax.block_until_ready(product(one, other)) for _ in range(10)]
    import tensorflow as tf

    one, other, product = tf.constant(one), tf.constant(other), tf.function(tf.matmul)
    return lambda: [product(one, other).numpy()[0, 0] for _ in range(10)]


def main():
    chosen = options(
        __doc__,
        rounds=(int, 11, "rounds timed"),
        steps=(int, 8, "steps a round"),
        batch=(int, 64, "images per step"),
    )
    import keras

    from keras_kd import KD, SGD, VIEWS, Bank, Distiller, Epochs, ViewRenderer
    from keras_kd.backend import device
    from keras_kd.models import build
    from keras_kd.models import cost as bench

    backend = keras.backend.backend()
    bare_steps = bare_steps_of_jax if backend == "jax" else bare_steps_of_tensorflow
    size = 512 if chosen.quick else 2048
    count, views = chosen.steps * chosen.batch, VIEWS["crop_flip"]
    rows, measured = [], {}
    for teacher_name, student_name, like, loops in PAIRS[-1:] if chosen.quick else PAIRS:
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (count, *like["image_shape"]), dtype="uint8")
        labels = generator.integers(0, like["classes"], count).astype("int32")
        executions = (1, chosen.steps) if loops or device() != "CPU" else (1,)
        teacher, bare = build(teacher_name, **like), build(student_name, **like)
        with tempfile.TemporaryDirectory() as folder:
            work = {
                "bare": bare_steps(bare, images, labels, chosen.batch),
                "matrix": matrix_product(backend, size),
            }
            for execution in executions:
                renderer = ViewRenderer(views, images)
                bank = Bank(folder, teacher, images, views, renderer=renderer)
                distiller = Distiller(
                    build(student_name, **like), teacher, [KD(temperature=4.0)], 0.1, views=renderer, banked=True
                )
                distiller.compile(
                    optimizer=SGD(0.05, momentum=0.9, l2=5e-4), metrics=["accuracy"], steps_per_execution=execution
                )
                epochs = Epochs(None, labels, views, chosen.batch, bank=bank)
                work[f"banked, {execution} a call"] = lambda distiller=distiller, epochs=epochs: distiller.fit(
                    epochs, shuffle=False, verbose=0
                )
            times = interleaved(work, chosen.rounds)
        # Forward and backward: three times the forward's multiply-accumulates, two operations each.
        operations = 6 * bench.macs(bare) * count
        rate = {kind: 20 * size**3 / times["matrix"][kind] for kind in ("wall", "cpu")}
        one = measured[f"{teacher_name}_to_{student_name}"] = {
            "matrix_rate_gflops": spread(rate["wall"] / 1e9),
            "images_a_second": {name: spread(count / times[name]["wall"]) for name in times if name != "matrix"},
            "of_the_bare_step": {
                name: {kind: spread(times["bare"][kind] / times[name][kind]) for kind in ("wall", "cpu")}
                for name in times
                if name not in ("bare", "matrix")
            },
            "of_the_matrix_rate": {
                name: spread(operations / times[name]["wall"] / rate["wall"]) for name in times if name != "matrix"
            },
        }
        rows.append(
            f"{teacher_name} to {student_name}: matrix rate {one['matrix_rate_gflops']['median']:.0f} GFLOP/s (float32)"
        )
        for name, speed in one["images_a_second"].items():
            share = one["of_the_matrix_rate"][name]["median"]
            over = one["of_the_bare_step"].get(name)
            text = f", {over['wall']['median']:.2f} of the bare step (CPU {over['cpu']['median']:.2f})" if over else ""
            rows.append(f"  {name:<20} {speed['median']:>8.0f} images/s, {share:.2f} of the matrix rate{text}")
    finish("limit", {"batch_size": chosen.batch, "pairs": measured}, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
