"""What a device allows, and how near to it a training step comes: matrix rate, bandwidth, kernels, parts of a step.

A part of `gpu_speed.py`. A step's operations are three forward passes, two operations a multiply-accumulate; its bytes
are those that XLA counts for the compiled program (each kernel's reads and writes). Beside the measured time stand the
seconds that operations would take at the measured matrix rate and bytes at the measured bandwidth. Where the time goes
is found by removal: the forward pass alone, with the backward pass, the whole bare step, then `Distiller.fit`.
"""

import re

import numpy as np
from limit import step_of_jax
from measuring import interleaved, spread

PRODUCTS = {"float32": ("float32", "highest"), "tf32": ("float32", "default"), "bfloat16": ("bfloat16", "default")}


def limits(teacher, student, like, batch, count, rounds):
    from gpu_speed import pictures

    images, labels = pictures(like, batch * count)
    small = rounds < 5
    rates = matrix_rates(256 if small else 8192, rounds)
    bandwidth = copy_rate((4 if small else 512) * 2**20, rounds)
    networks = {
        name: _of_network(name, like, images, labels, batch, count, rounds, rates, bandwidth)
        for name in ((student,) if small else (student, teacher))
    }
    ways = _of_the_tool(teacher, student, like, images, labels, batch, rounds)
    bare = networks[student]["seconds_a_step"]["scanned"]["median"]
    table = [f"{name} products: {rate['median'] / 1e12:.2f} TFLOP/s" for name, rate in rates.items()]
    table.append(f"bandwidth: {bandwidth['median'] / 1e9:.0f} GB/s")
    for name, one in networks.items():
        table += _lines(name, one)
    table += [
        f"{student}, {name}: {1e3 * one['median'] / count:.3f} ms a step, "
        f"{one['median'] / count / bare:.2f} of the bare one"
        for name, one in ways.items()
    ]
    return {
        "matrix_operations_a_second": rates,
        "bytes_a_second": bandwidth,
        "networks": networks,
        "seconds_a_round_of_keras_kd": ways,
        "table": table,
    }


def matrix_rates(size, rounds):
    """{precision: operations a second of a product of two large matrices}."""
    import jax
    import jax.numpy as jnp

    generator, work = np.random.default_rng(0), {}
    one, other = (generator.normal(size=(size, size)).astype("float32") for _ in range(2))
    for name, (dtype, precision) in PRODUCTS.items():
        pair = jnp.asarray(one, dtype), jnp.asarray(other, dtype)
        product = jax.jit(lambda a, b, precision=precision: jnp.matmul(a, b, precision=precision))
        work[name] = lambda pair=pair, product=product: jax.block_until_ready([product(*pair) for _ in range(5)])
    return {name: spread(10 * size**3 / one["wall"]) for name, one in interleaved(work, rounds).items()}


def copy_rate(size, rounds):
    """Bytes a second, read and written, of adding 1 to an array of a size in bytes."""
    import jax
    import jax.numpy as jnp

    array, add = jnp.zeros(size // 4, "float32"), jax.jit(lambda values: values + 1)
    times = interleaved({"copy": lambda: jax.block_until_ready([add(array) for _ in range(5)])}, rounds)
    return spread(10 * size / times["copy"]["wall"])


def _of_network(name, like, images, labels, batch, count, rounds, rates, bandwidth):
    import jax
    import jax.numpy as jnp

    from keras_kd.models import build
    from keras_kd.models.cost import macs

    network = build(name, **like)
    step, state = step_of_jax(network)
    pixels = jnp.asarray(images.astype("float32").reshape(count, batch, *like["image_shape"]))
    truth = jnp.asarray(labels.reshape(count, batch))
    first = pixels[0], truth[0]

    def loss_of(trainable, others, part):
        logits, others = network.stateless_call(trainable, others, part[0], training=True)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), part[1][:, None], 1).mean(), others

    parts = {
        "forward": jax.jit(lambda state, part: loss_of(state[0], state[2], part)),
        "forward and backward": jax.jit(lambda state, part: jax.grad(loss_of, has_aux=True)(state[0], state[2], part)),
        "step": jax.jit(step),
    }
    work = {
        what: lambda run=run: jax.block_until_ready([run(state, first) for _ in range(count)])
        for what, run in parts.items()
    }
    several = jax.jit(lambda state, parts: jax.lax.scan(lambda s, part: (step(s, part), None), state, parts)[0])
    work["scanned"] = lambda: jax.block_until_ready(several(state, (pixels, truth)))
    times = {what: spread(one["wall"] / count) for what, one in interleaved(work, rounds).items()}
    compiled = parts["step"].lower(state, first).compile()
    said = compiled.cost_analysis()
    said = said[0] if isinstance(said, list) else said or {}
    operations, moved = 6 * macs(network) * batch, said.get("bytes accessed")
    kernels = len(re.findall(r"= \S+ (?:fusion|custom-call|convolution|dot|reduce|copy)\(", _entry(compiled.as_text())))
    return {
        "seconds_a_step": times,
        "operations_a_step": operations,
        "bytes_a_step": moved,
        "kernels_a_step": kernels,
        "seconds_by_operations": operations / rates["tf32"]["median"],
        "seconds_by_bytes": moved / bandwidth["median"] if moved else None,
    }


def _entry(text):
    """The part of a compiled program that is run, each of whose lines is about a kernel."""
    return text[text.index("ENTRY") :] if "ENTRY" in text else text


def _of_the_tool(teacher, student, like, images, labels, batch, rounds):
    """{way: seconds a round} of the student by keras_kd: alone, and with the bank."""
    import tempfile

    from gpu_speed import distilled

    from keras_kd.models import build

    with tempfile.TemporaryDirectory() as folder:
        work = {
            "Distiller.fit alone": distilled(student, None, like, images, labels, batch),
            "Distiller.fit, bank": distilled(student, build(teacher, **like), like, images, labels, batch, folder),
        }
        return {name: spread(one["wall"]) for name, one in interleaved(work, rounds).items()}


def _lines(name, one):
    seconds = {what: 1e3 * spread["median"] for what, spread in one["seconds_a_step"].items()}
    by_bytes = one["seconds_by_bytes"]
    backward = seconds["forward and backward"] - seconds["forward"]
    return [
        f"{name}: {seconds['scanned']:.3f} ms a step in a compiled loop, {seconds['step']:.3f} ms a call; at the "
        f"matrix rate {1e3 * one['seconds_by_operations']:.3f} ms, at the bandwidth "
        f"{'not known' if by_bytes is None else f'{1e3 * by_bytes:.3f} ms'}; {one['kernels_a_step']} kernels, "
        f"{1e3 * seconds['scanned'] / max(1, one['kernels_a_step']):.2f} us each",
        f"  forward {seconds['forward']:.3f}, backward {backward:.3f}, optimizer "
        f"{seconds['step'] - seconds['forward and backward']:.3f} ms",
    ]
