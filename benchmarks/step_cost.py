"""What the Distiller itself costs: its step against a plain Keras step of the student plus a forward of the teacher.

    python benchmarks/step_cost.py [--quick] [--json] [--backend jax]

All three are timed in one process, in turn, on the same images; `ratio` is the median over rounds of
distiller / (student + teacher). 1.00 would be an orchestration that costs nothing.
"""

from measuring import finish, interleaved, options, spread


def main():
    chosen = options(
        __doc__,
        rounds=(int, 15, "rounds timed"),
        steps=(int, 6, "steps a round"),
        batch=(int, 64, "images per step"),
    )
    import keras
    import numpy as np

    from keras_kd import KD, SGD, Distiller, backend
    from keras_kd.models import build

    pair = ("resnet20", "resnet8") if chosen.quick else ("resnet56", "resnet20")
    steps, batch = chosen.steps, chosen.batch
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (steps * batch, 32, 32, 3)).astype("float32")
    labels = generator.integers(0, 100, steps * batch).astype("int32")
    like = {"image_shape": (32, 32, 3), "classes": 100, "mean": (0.5,) * 3, "std": (0.25,) * 3}
    teacher, distilled, alone = build(pair[0], **like), build(pair[1], **like), build(pair[1], **like)

    distiller = Distiller(distilled, teacher, [KD(temperature=4.0)], label_weight=0.1)
    distiller.compile(optimizer=SGD(0.05, momentum=0.9, l2=5e-4), metrics=["accuracy"])
    alone.compile(
        optimizer=SGD(0.05, momentum=0.9, l2=5e-4),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=backend.jit_compile(),
    )
    forward = backend.inference(teacher)
    batches = [images[start : start + batch] for start in range(0, len(images), batch)]

    def fit(model):
        return lambda: model.fit(images, labels, batch_size=batch, shuffle=False, verbose=0)

    def teach():
        for part in batches:
            keras.ops.convert_to_numpy(forward(part))

    times = interleaved({"distiller": fit(distiller), "student": fit(alone), "teacher": teach}, chosen.rounds)
    ratios = {
        kind: spread(times["distiller"][kind] / (times["student"][kind] + times["teacher"][kind]))
        for kind in ("wall", "cpu")
    }
    a_step = {name: {kind: spread(values / steps) for kind, values in one.items()} for name, one in times.items()}
    rows = [f"{'':<10} {'wall ms a step':>15} {'CPU ms a step':>15}"]
    for name, one in a_step.items():
        rows.append(f"{name:<10} {1e3 * one['wall']['median']:>15.1f} {1e3 * one['cpu']['median']:>15.1f}")
    low, high = ratios["wall"]["low"], ratios["wall"]["high"]
    rows.append(
        f"ratio {ratios['wall']['median']:.3f} (quartiles {low:.3f} to {high:.3f}; CPU {ratios['cpu']['median']:.3f})"
    )
    result = {
        "pair": f"{pair[0]}_to_{pair[1]}",
        "batch_size": batch,
        "steps_a_round": steps,
        "ratio": ratios["wall"]["median"],
        "ratio_wall": ratios["wall"],
        "ratio_cpu": ratios["cpu"],
        "seconds_a_step": a_step,
    }
    finish("step_cost", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
