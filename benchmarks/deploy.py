"""Every format of three students: does it say what Keras says, how large is it, how fast.

    pip install -e '.[onnx]'
    python benchmarks/deploy.py [--quick] [--json] [--backend jax]

The student of the digits; ResNet-20 and MobileNetV2 at half width on the first 20 classes of CIFAR-100 at 16x16 (see
`methods.py`), taught by a ResNet-20 of the same images. `keras-kd distill` trains each, exports it in every format and
puts each file through its gate; `keras-kd bench` measures them in one thread, the teacher next to them. `litert_int8,
fine-tuned` is the student trained for int8, whether or not its plain file passed. Killed, it goes on with the same
command.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import small_pair
from measuring import finish, options

# (training images, test images, teacher's epochs, students' epochs)
FULL, QUICK = (10_000, 2_000, 12, 12), (320, 320, 1, 1)
FORMATS = "[saved_model, litert_float32, litert_float16, litert_dynamic, litert_int8, litert_int8_float, onnx]"
STUDENTS = {"resnet20": "CIFAR ResNet-20", "mobilenetv2_half": "MobileNetV2, half width"}


def keras_kd(*arguments, may_fail=False):
    """What a command printed as JSON."""
    call = [sys.executable, "-m", "keras_kd.cli", *map(str, arguments)]
    done = subprocess.run(call, cwd=small_pair.HERE, env=small_pair.environment(), capture_output=True, text=True)
    if done.returncode and not may_fail:
        sys.exit(f"{' '.join(call)}\nexit code {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout) if done.stdout else None


def distill(recipe, folder, *settings):
    """The report of a run; a file that fails its gate is in it."""
    chosen = [part for setting in settings for part in ("--set", setting)]
    keras_kd("distill", recipe, "--out", folder, "--quiet", "--json", *chosen, may_fail=True)
    return json.loads((folder / "report.json").read_text())


def measured(recipe, folder, runs):
    """The rows of one student: what its gate found and its latency, of each format and of int8 fine-tuned."""
    plain = distill(recipe, folder, f"export.formats={FORMATS}", "export.int8_fine_tuning.epochs=0")
    tuned = folder.with_name(f"{folder.name}-int8")
    if not tuned.exists():
        shutil.copytree(folder, tuned)
    # Few files are as exact as this gate asks for, so that nearly all are trained for int8.
    asked = ["export.formats=[litert_int8]", "export.gates.int8_agreement=1", "export.gates.int8_accuracy_drop=0"]
    for_int8 = distill(recipe, tuned, *asked)
    files = [folder / one["file"] for one in plain["exports"] if one["passed"]]
    teacher = (folder / plain["teacher"]["source"]["run"] / plain["teacher"]["source"]["file"]).resolve()
    speeds = keras_kd("bench", teacher, folder / "student.keras", *files, "--runs", runs, "--json")
    by_name = {Path(one["file"]).name: one for one in speeds[1:]}
    kept = (
        "bytes",
        "agreement",
        "accuracy",
        "accuracy_drop",
        "max_difference",
        "mean_difference",
        "passed",
        "failures",
    )
    rows = [{"format": "keras (teacher)", **_speed(speeds[0]), "accuracy": plain["teacher"]["top1"]}]
    rows.append({"format": "keras", **_speed(by_name["student.keras"]), "accuracy": plain["student"]["top1"]})
    for one in plain["exports"]:
        speed = by_name.get(one["file"])
        rows.append({"format": one["format"], **(_speed(speed) if speed else {}), **{key: one[key] for key in kept}})
    one = next(one for one in for_int8["exports"] if one["format"] == "litert_int8")
    rows.append({"format": "litert_int8, fine-tuned", **{key: one[key] for key in kept}})
    return rows


def _speed(one):
    return {key: one[key] for key in ("bytes", "latency_ms", "images_a_second", "peak_bytes", "parameters", "macs")}


def _cell(value, form, times=1):
    width = int(form.split(".")[0].rstrip(","))
    return "-".rjust(width) if value is None else format(value * times, f">{form}")


def table(name, rows):
    """The rows as text."""
    lines = [f"{name:<26} {'bytes':>9} {'top-1':>6} {'drop':>6} {'as Keras':>8} {'ms':>7} {'p90':>7} {'images/s':>9}"]
    for row in rows:
        latency, speeds = row.get("latency_ms") or {}, row.get("images_a_second") or {}
        fastest = max((one for one in speeds.values() if one), default=None)
        cells = [
            _cell(row.get("bytes"), "9,"),
            *(_cell(row.get(key), "6.2f", 100) for key in ("accuracy", "accuracy_drop")),
            _cell(row.get("agreement"), "8.1f", 100),
            *(_cell(latency.get(key), "7.3f") for key in ("median", "p90")),
            _cell(fastest, "9,.0f"),
        ]
        kept_out = "" if row.get("passed", True) else "  kept out"
        lines.append(f"  {row['format']:<24} {' '.join(cells)}{kept_out}")
    return lines


def main():
    chosen = options(__doc__, runs=(int, 50, "timed runs of one image"))
    images, tested, taught, learned = QUICK if chosen.quick else FULL
    base, data = small_pair.begun("deploy-bench", chosen.quick, images, tested, taught)
    lines, found = [], {}
    rows = found["digits"] = measured("digits", base / "digits", chosen.runs)
    lines += table("digits", rows)
    for name, title in STUDENTS.items():
        recipe = base / f"{name}.yaml"
        recipe.write_text(small_pair.student(data, name, learned))
        rows = found[name] = measured(recipe, base / f"{name}-run", chosen.runs)
        lines += table(title, rows)
    finish("deploy", {"threads": 1, "timed_runs": chosen.runs, "students": found}, "\n".join(lines), chosen)


if __name__ == "__main__":
    main()
