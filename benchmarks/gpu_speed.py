"""Speed on an accelerator, a part at a time, on JAX; lines of the queue of `gpu.py`.

    python benchmarks/gpu_speed.py steps --out steps.json [--shrunk]

`limits`: matrix rate, bandwidth, what they allow of a step, where its time goes (see `gpu_limits.py`). `steps`: KD with
a live teacher in `keras.distillation`, in PyTorch where it is installed, in keras_kd, and keras_kd with its bank, in
one process in turn. `scan`: 1, 4, 16, 64 steps a call. `precision`: float32, TF32, bfloat16. `bank_rate`: filling a
bank compared with the teacher's bare forward pass.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from limit import DIGITS, LIKE
from measuring import interleaved, spread

# (teacher, student, what both are built for, images a step, steps a round, rounds).
FULL = ("resnet56", "resnet20", LIKE, 64, 64, 5)
SHRUNK = ("digits_cnn", "digits_tiny", DIGITS, 32, 4, 2)
TEMPERATURE = 4.0


def pictures(like, count, seed=0):
    """Random images and labels."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *like["image_shape"]), dtype="uint8")
    return images, generator.integers(0, like["classes"], count).astype("int32")


def distilled(student, teacher, like, images, labels, batch, folder=None, execution="auto", **options):
    """A function that trains over the images once by keras_kd: with a bank in a folder, or its teacher live or None."""
    from keras_kd import KD, SGD, VIEWS, Bank, Distiller, Epochs, ViewRenderer, backend
    from keras_kd.models import build

    views = VIEWS["crop_flip"]
    renderer = ViewRenderer(views, images)
    bank = Bank(folder, teacher, images, views, renderer=renderer) if folder else None
    terms, weight = ([KD(temperature=TEMPERATURE)], 0.1) if teacher is not None else ([], 1.0)
    distiller = Distiller(build(student, **like), teacher, terms, weight, views=renderer, banked=bank is not None)
    distiller.compile(
        optimizer=SGD(0.05, momentum=0.9, l2=5e-4),
        metrics=["accuracy"],
        steps_per_execution=backend.steps_per_execution() if execution == "auto" else execution,
    )
    epochs = Epochs(None, labels, views, batch, bank=bank)
    return lambda: distiller.fit(epochs, shuffle=False, verbose=0)


def keras_alone(student, teacher, like, images, labels, batch):
    """{name: function} of Keras on JAX: the student alone, and `keras.distillation`; images that are ready."""
    import keras

    from keras_kd import backend
    from keras_kd.models import build

    ready = images.astype("float32")
    models = {"keras, alone": build(student, **like)}
    models["keras.distillation, live"] = keras.distillation.Distiller(
        teacher,
        build(student, **like),
        [keras.distillation.LogitsDistillation(temperature=TEMPERATURE)],
        [1.0],
        student_loss_weight=0.1,
    )
    work = {}
    for name, model in models.items():
        model.compile(
            optimizer=keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=5e-4),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=backend.jit_compile(),
        )
        work[name] = lambda model=model: model.fit(ready, labels, batch_size=batch, verbose=0)
    return work


def steps(teacher, student, like, batch, count, rounds):
    from keras_kd.models import build

    images, labels = pictures(like, batch * count)
    said, work = build(teacher, **like), keras_alone(student, build(teacher, **like), like, images, labels, batch)
    with tempfile.TemporaryDirectory() as folder:
        for name, given, place in (("alone", None, None), ("live", said, None), ("bank", said, folder)):
            work[f"keras_kd, {name}"] = distilled(student, given, like, images, labels, batch, place)
        missing = _torch(work, teacher, student, like, images, labels, batch)
        times = interleaved(work, rounds)
    rows = {name: {"images_a_second": spread(len(images) / one["wall"])} for name, one in times.items()}
    for name, one in times.items():
        rows[name]["over_keras_alone"] = spread(one["wall"] / times["keras, alone"]["wall"])
        rows[name]["over_keras_kd_bank"] = spread(one["wall"] / times["keras_kd, bank"]["wall"])
    table = [
        f"{name:<26} {row['images_a_second']['median']:>9.0f} images/s, {row['over_keras_alone']['median']:.2f} of the "
        f"student alone in Keras, {row['over_keras_kd_bank']['median']:.2f} of keras_kd's bank"
        for name, row in rows.items()
    ]
    return {"ways": rows, "not_there": missing, "table": table + ([f"PyTorch: {missing}"] if missing else [])}


def _torch(work, teacher, student, like, images, labels, batch):
    """Adds the PyTorch loops; returns why they are missing, or None."""
    if like is not LIKE:
        return "its networks are those of CIFAR"
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    from against_live import torch_ways

    device = "cuda" if torch.cuda.is_available() else "cpu"
    ways = torch_ways([teacher], student, images, labels, batch, False, device=device)
    work.update({f"{name} ({device})": train for name, train in ways.items()})
    return None


def scan(teacher, student, like, batch, count, rounds):
    from keras_kd.models import build

    images, labels = pictures(like, batch * count)
    said = build(teacher, **like)
    with tempfile.TemporaryDirectory() as folder:
        lengths = [one for one in (1, 4, 16, 64) if one <= count]
        work = {
            str(one): distilled(student, said, like, images, labels, batch, folder, execution=one) for one in lengths
        }
        times = interleaved(work, rounds)
    found = {name: spread(len(images) / one["wall"]) for name, one in times.items()}
    table = [f"{name:>3} steps a call: {one['median']:.0f} images/s" for name, one in found.items()]
    return {"images_a_second": found, "table": table}


def precision(teacher, student, like, batch, count, rounds):
    """Bare steps, and how far the loss of the same steps is from that of float32."""
    import jax
    import jax.numpy as jnp
    import keras
    from limit import step_of_jax

    from keras_kd.models import build

    del teacher
    images, labels = pictures(like, batch * count)
    parts = (
        jnp.asarray(images.astype("float32").reshape(count, batch, *like["image_shape"])),
        jnp.asarray(labels.reshape(count, batch)),
    )
    ways = {"float32": ("float32", "highest"), "tf32": ("float32", "default")}
    ways["bfloat16"] = "mixed_bfloat16", "default"
    work, losses = {}, {}
    for name, (policy, products) in ways.items():
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        keras.utils.set_random_seed(0)
        network = build(student, **like)
        keras.config.set_dtype_policy(before)
        step, state = step_of_jax(network)

        def run(state, parts, step=step, products=products):
            with jax.default_matmul_precision(products):
                return jax.lax.scan(lambda state, part: (step(state, part), None), state, parts)[0]

        def loss_of(state, part, network=network, products=products):
            with jax.default_matmul_precision(products):
                logits, _ = network.stateless_call(state[0], state[2], part[0], training=True)
                return -jnp.take_along_axis(jax.nn.log_softmax(logits.astype("float32")), part[1][:, None], 1).mean()

        run = jax.jit(run)
        trained = run(state, parts)
        losses[name] = float(loss_of(trained, jax.tree.map(lambda one: one[0], parts)))
        work[name] = lambda run=run, state=state: jax.block_until_ready(run(state, parts))
    times = interleaved(work, rounds)
    found = {
        name: {"images_a_second": spread(len(images) / one["wall"]), "loss_after": round(losses[name], 5)}
        for name, one in times.items()
    }
    table = [
        f"{name:<9} {one['images_a_second']['median']:>9.0f} images/s, loss {one['loss_after']:.4f} after {count} steps"
        for name, one in found.items()
    ]
    accuracy = "of the lines resnet20_bfloat16 and resnet20_float32_highest"
    return {"precisions": found, "accuracy": accuracy, "table": table}


def bank_rate(teacher, student, like, batch, count, rounds):
    import jax
    import jax.numpy as jnp

    from keras_kd import VIEWS, Bank, ViewRenderer, backend
    from keras_kd.models import build

    del student, batch
    images, _ = pictures(like, 16 * count)
    network, views = build(teacher, **like), VIEWS["crop_flip"]
    forward = backend.inference(network)
    ready = {size: np.resize(images, (size, *like["image_shape"])).astype("float32") for size in (250, 1000)}
    ready = {size: jnp.asarray(one) for size, one in ready.items()}
    work = {
        f"forward, {size} at once": lambda one=one: [jax.block_until_ready(forward(one)) for _ in range(4)]
        for size, one in ready.items()
    }
    shown = {f"forward, {size} at once": 4 * size for size in ready}
    index, some = np.repeat(np.arange(len(images)), 8), np.tile(np.arange(8), len(images))
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank(folder, network, images, views, renderer=ViewRenderer(views, images))
        turns = iter(range(views.count // 8))
        work["bank filled"], shown["bank filled"] = lambda: bank.fill(index, some + 8 * next(turns)), len(index)
        times = interleaved(work, rounds)
    found = {name: spread(shown[name] / one["wall"]) for name, one in times.items()}
    share = found["bank filled"]["median"] / found["forward, 250 at once"]["median"]
    table = [f"{name:<23} {one['median']:>9.0f} views/s" for name, one in found.items()]
    table.append(f"filling reaches {share:.2f} of the bare forward rate at 250")
    return {"views_a_second": found, "of_the_forward_rate": round(share, 4), "table": table}


def limits(*arguments):
    from gpu_limits import limits as measured

    return measured(*arguments)


PARTS = {one.__name__: one for one in (limits, steps, scan, precision, bank_rate)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--out", type=Path, help="a file for what was found; printed in any case")
    parser.add_argument("--shrunk", action="store_true")
    chosen = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    from keras_kd import backend

    teacher, student, like, batch, count, rounds = SHRUNK if chosen.shrunk else FULL
    found = {
        "part": chosen.part,
        "device": backend.device(),
        "shrunk": chosen.shrunk,
        "teacher": teacher,
        "student": student,
        "batch": batch,
        "steps_a_round": count,
        "rounds": rounds,
        **PARTS[chosen.part](teacher, student, like, batch, count, rounds),
    }
    if chosen.out:
        part = chosen.out.with_suffix(".part")
        part.write_text(json.dumps(found, indent=1))
        part.rename(chosen.out)
    print("\n".join(found["table"]))


if __name__ == "__main__":
    main()
