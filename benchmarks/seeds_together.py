"""Whether the seeds of one recipe train faster together: one step of all seeds at once over a step of each in turn.

    python benchmarks/seeds_together.py [--quick] [--json]

On JAX: the bare step of a student (see `limit.py`), mapped over three sets of weights and batches by `jax.vmap`. Below
1.00 together is faster.
"""

import os

import numpy as np
from limit import LIKE, step_of_jax
from measuring import finish, interleaved, options, spread

STUDENTS = {"resnet20": LIKE, "digits_tiny": {"image_shape": (8, 8, 1), "classes": 10}}


def measure(name, like, seeds, steps, batch, rounds):
    import jax
    import jax.numpy as jnp

    from keras_kd.models import build

    generator = np.random.default_rng(0)
    made = [step_of_jax(build(name, **like)) for _ in range(seeds)]
    step, states = made[0][0], [state for _, state in made]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *states)
    parts = [
        (
            jnp.asarray(generator.integers(0, 256, (batch, *like["image_shape"])).astype("float32")),
            jnp.asarray(generator.integers(0, like["classes"], batch).astype("int32")),
        )
        for _ in range(seeds)
    ]
    together = jax.tree.map(lambda *values: jnp.stack(values), *parts)
    alone, mapped = jax.jit(step, donate_argnums=0), jax.jit(jax.vmap(step), donate_argnums=0)

    def in_turn():
        for seed in range(seeds):
            for _ in range(steps):
                states[seed] = alone(states[seed], parts[seed])
            jax.block_until_ready(states[seed])

    def at_once():
        nonlocal stacked
        for _ in range(steps):
            stacked = mapped(stacked, together)
        jax.block_until_ready(stacked)

    times = interleaved({"in_turn": in_turn, "together": at_once}, rounds)
    return {
        "together_over_in_turn": {
            kind: spread(times["together"][kind] / times["in_turn"][kind]) for kind in times["together"]
        },
        "seconds_a_step_of_all": {
            way: {kind: spread(v / steps) for kind, v in one.items()} for way, one in times.items()
        },
    }


def main():
    os.environ["KERAS_BACKEND"] = "jax"
    chosen = options(
        __doc__,
        seeds=(int, 3, "trained together"),
        rounds=(int, 7, "rounds timed"),
        steps=(int, 4, "steps a round"),
        batch=(int, 64, "images per step"),
    )
    students = {"digits_tiny": STUDENTS["digits_tiny"]} if chosen.quick else STUDENTS
    measured = {
        name: measure(name, like, chosen.seeds, chosen.steps, chosen.batch, chosen.rounds)
        for name, like in students.items()
    }
    rows = []
    for name, one in measured.items():
        ratio = one["together_over_in_turn"]
        rows.append(
            f"{name:<12} {chosen.seeds} seeds together over in turn: {ratio['wall']['median']:.2f} (quartiles "
            f"{ratio['wall']['low']:.2f} to {ratio['wall']['high']:.2f}; CPU {ratio['cpu']['median']:.2f})"
        )
    finish("seeds_together", {"seeds": chosen.seeds, "students": measured}, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
