"""Every family of keras.applications as a student: 20 steps of distillation, saved, loaded, exported in every format.

    pip install -e '.[onnx]'
    python benchmarks/families.py [NAME ...] [--simulate] [--table]

The smallest network of each family, from random weights, 4 classes of 64x64 images (80x80 where a network asks for
more) of random blobs whose colours tell the class. `keras-kd distill` takes 20 steps with a small teacher, exports
every format and puts each file through its gate. Its normalisations take their statistics from the last batch: 20 steps
are too few for a moving average. Then the saved student is loaded and its int8 file is compared with the network in
float32, with the one in simulated int8 (`Simulation`), and with itself by other kernels of LiteRT.

What is done is in results/families.json, which grows by a family at a time: killed, it goes on with the same command.
NAME: these alone, anew. --simulate: the comparison in int8 alone, anew. --table: print the table of docs/exports.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
RESULT = HERE / "results" / "families.json"
RUNS = HERE.parent / "saved_models" / "families"
# From the cheapest on.
FAMILIES = (
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "VGG16", "EfficientNetB0", "ResNet50V2", "ResNet50",
    "EfficientNetV2B0", "Xception", "InceptionV3", "DenseNet121", "NASNetMobile", "ConvNeXtTiny", "InceptionResNetV2",
)  # fmt: skip
LARGER = ("Xception", "InceptionV3", "InceptionResNetV2")
FORMATS = (
    "saved_model", "litert_float32", "litert_float16", "litert_dynamic", "litert_int8", "litert_int8_float", "onnx"
)  # fmt: skip
TEACHER = "data: {data}\nstudent: resnet8\nfit: {fit}\nexport: {{formats: []}}\n"
STUDENT = (
    "data: {data}\nteacher: ./taught{size}.yaml\nstudent: {{model: '{model}', arguments: {{name: {name}}}}}\n"
    "label_weight: 0.1\nterms: [{{method: kd, weight: 0.9, temperature: 4}}]\nfit: {fit}\n"
    "export: {{formats: [{formats}], int8_fine_tuning: {{epochs: 0}}}}\nevidence: {{representation: false}}\n"
)
MODEL = "families:student"
FIT = "{epochs: 20, batch_size: 32, optimizer: adam, learning_rate: 0.0003}"


def student(image_shape, classes, name):
    """A network of keras.applications whose normalisations forget what was before the last batch."""
    from keras_kd.models import build

    model = build(name, image_shape, classes)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.0
    return model


def write_images(file, size):
    """A file of 32 training and 64 test images of 4 classes: blobs whose colours tell the class."""
    import numpy as np

    draw = np.random.default_rng(0)
    colours = draw.uniform(30, 225, (4, 3))
    arrays = {}
    for part, count in (("train", 32), ("test", 64)):
        labels = np.arange(count) % 4
        coarse = draw.normal(0, 50, (count, 8, 8, 3)) + colours[labels][:, None, None]
        fine = np.kron(coarse, np.ones((1, size // 8, size // 8, 1))) + draw.normal(0, 12, (count, size, size, 3))
        arrays |= {f"x_{part}": fine.clip(0, 255).astype("uint8"), f"y_{part}": labels.astype("int32")}
    np.savez(file, **arrays)


def keras_kd(*arguments):
    """A command's exit code, and the end of what it said on standard error."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent, *sys.path)))}
    call = [sys.executable, "-m", "keras_kd.cli", *map(str, arguments)]
    done = subprocess.run(call, cwd=HERE.parent, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr.strip()[-1500:]


def distilled(name):
    """The row of a family: what its run says of its files; a format that it refuses is left out of a second run."""
    row = _distilled(name, FORMATS)
    refused = [one for one in FORMATS if f": as {one}: " in row.get("said", "")]
    if not refused:
        return row
    second = _distilled(name, [one for one in FORMATS if one not in refused])
    why = {one: {"passed": False, "failures": [row["said"].partition(f": as {one}: ")[2]]} for one in refused}
    return {**second, "formats": {**second.get("formats", {}), **why}}


def _distilled(name, formats):
    size, folder = 80 if name in LARGER else 64, RUNS / name
    images = RUNS / f"blobs{size}.npz"
    RUNS.mkdir(parents=True, exist_ok=True)
    if not images.exists():
        write_images(images, size)
    data = f"{{name: {images}}}"
    (RUNS / f"taught{size}.yaml").write_text(TEACHER.format(data=data, fit=FIT))
    recipe = RUNS / f"{name}.yaml"
    fields = {"data": data, "size": size, "model": MODEL, "name": name, "fit": FIT, "formats": ", ".join(formats)}
    recipe.write_text(STUDENT.format(**fields))
    begun = time.monotonic()
    code, said = keras_kd("distill", recipe, "--out", folder, "--quiet", "--restart")
    report = folder / "report.json"
    if code not in (0, 1, 3) and not report.exists():
        return {"image_size": size, "exit_code": code, "said": said}
    found = json.loads(report.read_text())
    kept = ("passed", "failures", "max_difference", "agreement", "bytes", "seconds")
    return {
        "image_size": size,
        "exit_code": code,
        "parameters": found["student"].get("parameters"),
        "top1": found["student"].get("top1"),
        "formats": {one["format"]: {key: one[key] for key in kept} for one in found["exports"] or []},
        "seconds": round(time.monotonic() - begun, 1),
    }


def by_other_kernels(file, images):
    """What a file of full int8 says by LiteRT's own kernels where its default ones are those of XNNPACK.

    Both are right: how far they are from each other is how far the file itself says what it says.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from keras_kd.export.formats.litert import dequantised, quantised

    without = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(file), experimental_op_resolver_type=without)
    interpreter.allocate_tensors()
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
    said = []
    for image in images:
        interpreter.set_tensor(given["index"], quantised(image[None], given))
        interpreter.invoke()
        said.append(interpreter.get_tensor(told["index"]))
    return dequantised(np.concatenate(said), told)


def simulated(folder, images):
    """How far the int8 file of a saved student is from it in float32 and from its simulation; in a process of its own.

    Args:
        folder: of the run.
        images: the `.npz` of its data.
    """
    import keras
    import numpy as np

    from keras_kd.export.formats import TABLE, spanning
    from keras_kd.export.formats.format import Request
    from keras_kd.export.int8_simulation import Simulation

    with np.load(images) as data:
        train, test = data["x_train"], data["x_test"]
    model = keras.models.load_model(Path(folder) / "student.keras", compile=False)
    simulation = Simulation(model, spanning(train))
    # Kept out or not: what the file says is what the simulation is to foretell.
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "student_int8.tflite"
        TABLE["litert_int8"].write(model, file, Request(train.shape[1:], calibration_images=train))
        said, _ = TABLE["litert_int8"].run(file, test)
        of_others = by_other_kernels(file, test)
    found = {"not_followed": list(getattr(simulation, "not_followed", ()))}
    foretold_by = {"other_kernels": of_others}
    for name, network in (("float32", model), ("simulation", simulation.network)):
        foretold_by[name] = network.predict(test.astype("float32"), batch_size=16, verbose=0)
    for name, foretold in foretold_by.items():
        found[name] = {
            "agreement": round(float(np.mean(foretold.argmax(-1) == said.argmax(-1))), 4),
            "mean_difference": round(float(np.abs(foretold - said).mean()), 6),
        }
    return found


def compared(name):
    """`simulated` of a family, or why there is nothing."""
    size = 80 if name in LARGER else 64
    call = [sys.executable, sys.argv[0], "--one", str(RUNS / name), str(RUNS / f"blobs{size}.npz")]
    environment = {
        **os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent, *sys.path))),
    }  # fmt: skip
    done = subprocess.run(call, env=environment, capture_output=True, text=True)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:400]}
    return json.loads(done.stdout.splitlines()[-1])


def table(found):
    """The rows of docs/exports.md."""
    heads = (
        "family",
        "top-1",
        *(name.replace("_", " ") for name in FORMATS),
        "int8 file as float32, as simulated, by other kernels",
        "mean difference of logits",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    reasons = []
    for name in (name for name in FAMILIES if name in found):
        row, cells = found[name], []
        for one in FORMATS:
            made = row.get("formats", {}).get(one)
            cells.append("yes" if made and made["passed"] else "**no**")
            if not made or not made["passed"]:
                why = "; ".join(made["failures"]) if made else row.get("said", "no run")
                reasons.append(f"- {name}, {one}: {why}")
        both = row.get("int8", {})
        if "simulation" in both:
            ways = [one for one in ("float32", "simulation", "other_kernels") if one in both]
            cells.append(", ".join(f"{100 * both[one]['agreement']:.0f} %" for one in ways))
            cells.append(", ".join(f"{both[one]['mean_difference']:.3f}" for one in ways))
        else:
            cells += ["-", "-"]
            reasons.append(f"- {name}, simulation: {both.get('error', 'not run')}")
        accuracy = row.get("top1")
        lines.append(f"| {name} | {'-' if accuracy is None else f'{100 * accuracy:.0f} %'} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *reasons])


def main(benchmark="families"):
    asked = [one for one in sys.argv[1:] if not one.startswith("--")]
    options = [one for one in sys.argv[1:] if one.startswith("--")]
    if "--one" in options:
        print(json.dumps(simulated(*asked)))
        return
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {"benchmark": benchmark, "families": {}}
    found = kept["families"]
    for name in () if "--table" in options else asked or FAMILIES:
        again = name in asked or name not in found
        if again and "--simulate" not in options:
            found[name] = distilled(name)
        if "formats" in found.get(name, {}) and (again or "--simulate" in options):
            found[name]["int8"] = compared(name)
        _write(kept)
    print(table(found))


def _write(kept):
    """The file, so that what is done stays where the script is killed."""
    from keras_kd.workflows.run.environment import environment, git_commit

    kept |= {"date": date.today().isoformat(), "environment": environment(), "git_commit": git_commit()}
    new = RESULT.with_suffix(".new")
    new.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    new.replace(RESULT)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
