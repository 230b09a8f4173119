"""Packs what a machine with an accelerator and without a network lacks: the images of CIFAR-100, and wheels.

    python benchmarks/gpu_pack.py FOLDER [--data cifar100.npz] [--python 3.12] [--megabytes 60]

FOLDER/data-0, data-1, ... hold the images as lossless WebP, each folder no larger than asked, so that they can travel
one by one; without `--data` (x_train, y_train, x_test, y_test) they are those of `tfds.load("cifar100")`. On that
machine

    python FOLDER/data-0/unpack.py cifar100.npz      puts them together, checked, once all folders are there
    source FOLDER/wheels/use.sh                      makes the wheels importable

FOLDER/wheels has keras and what keras_kd needs in addition to it, for a machine that has JAX, NumPy, SciPy,
scikit-learn, click, PyYAML, Jinja2, matplotlib, h5py, Pillow and rich.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

STRIP = 500  # images a file, one below the other
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
WHEELS = ("keras>=3.13", "namex", "optree", "annotated-types", "typing-inspection", "importlib_resources")
UNPACK = '''"""Puts the images together as an .npz file: python unpack.py cifar100.npz"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

here = Path(__file__).resolve().parent
about = json.loads((here / "about.json").read_text())
arrays = {"label_names": np.array(about["label_names"])}
for split in ("train", "test"):
    strips = {path.name: path for path in here.parent.glob(f"data-*/{split}-*.webp")}
    missing = sorted(set(about[split]["files"]) - set(strips))
    if missing:
        sys.exit(f"{len(missing)} files of {split} are missing still, such as {missing[0]}; bring the other folders")
    images = np.concatenate([np.asarray(Image.open(strips[name]).convert("RGB")) for name in about[split]["files"]])
    images = images.reshape(-1, images.shape[1], images.shape[1], 3)
    if hashlib.sha256(images.tobytes()).hexdigest() != about[split]["sha256"]:
        sys.exit(f"the images of {split} are not those that were packed; a file is damaged")
    arrays[f"x_{split}"], arrays[f"y_{split}"] = images, np.array(about[split]["labels"], "int64")
np.savez(sys.argv[1], **arrays)
print(sys.argv[1])
'''
USE = """# source wheels/use.sh [FOLDER]: installs the wheels there, /tmp/site by default, and makes them importable.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
site=${1:-/tmp/site}
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$here"/*.whl
export PYTHONPATH=$site:$PWD KERAS_BACKEND=jax
"""


def arrays_of(data):
    """{"x_train", "y_train", "x_test", "y_test", "label_names"} of an .npz file, or of TFDS."""
    if data is not None:
        with np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        classes = int(arrays["y_train"].max()) + 1
        return {"label_names": np.array([str(one) for one in range(classes)]), **arrays}
    from keras_kd import data as sources

    found = sources.load("cifar100")
    arrays = {"label_names": np.array(found.class_names)}
    for name, split in (("train", found.train), ("test", found.test)):
        arrays[f"x_{name}"], arrays[f"y_{name}"] = np.asarray(split.images), np.asarray(split.labels)
    return arrays


def pack_images(arrays, folder, size):
    """Writes folder/data-0, ... of at most `size` bytes each; returns how many folders there are."""
    from PIL import Image

    about, strips = {"label_names": arrays["label_names"].tolist()}, folder / "strips"
    strips.mkdir(parents=True)
    for split in ("train", "test"):
        images, files = np.ascontiguousarray(arrays[f"x_{split}"], dtype="uint8"), []
        for number, start in enumerate(range(0, len(images), STRIP)):
            files.append(f"{split}-{number:03d}.webp")
            strip = images[start : start + STRIP].reshape(-1, *images.shape[2:])
            Image.fromarray(strip).save(strips / files[-1], lossless=True, quality=80, method=4)
        about[split] = {
            "files": files,
            "labels": np.asarray(arrays[f"y_{split}"]).astype(int).ravel().tolist(),
            "sha256": hashlib.sha256(images.tobytes()).hexdigest(),
        }
    said = json.dumps(about)
    number, used = -1, size
    for strip in sorted(strips.iterdir()):
        there = strip.stat().st_size
        if used + there > size:
            number, used = number + 1, len(said) + len(UNPACK)
            (folder / f"data-{number}").mkdir()
            (folder / f"data-{number}" / "about.json").write_text(said)
            (folder / f"data-{number}" / "unpack.py").write_text(UNPACK)
        used += there
        strip.rename(folder / f"data-{number}" / strip.name)
    strips.rmdir()
    return number + 1


def pack_wheels(folder, python):
    """Downloads the wheels of a version of Python on Linux into folder/wheels."""
    wheels = folder / "wheels"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(wheels)]
    pip += ["--python-version", python, "--implementation", "cp"]
    pip += [word for platform in PLATFORMS for word in ("--platform", platform)]
    subprocess.run([*pip, "pydantic>=2.7"], check=True)
    (pydantic,) = wheels.glob("pydantic-*.whl")
    with zipfile.ZipFile(pydantic) as archive:
        said = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    # pydantic pins its core exactly.
    core = re.search(r"Requires-Dist: pydantic[-_]core==([0-9.]+)", said)[1]
    subprocess.run([*pip, f"pydantic_core=={core}", *WHEELS], check=True)
    (wheels / "use.sh").write_text(USE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="made; it must not be there yet")
    parser.add_argument("--data", type=Path, help="an .npz file; tfds.load('cifar100') by default")
    parser.add_argument("--python", default="3.12", help="the version on that machine")
    parser.add_argument("--megabytes", type=int, default=60, help="of each folder of images at most")
    parser.add_argument("--no-wheels", action="store_true", help="images alone")
    chosen = parser.parse_args()
    if chosen.folder.exists():
        sys.exit(f"{chosen.folder}: is there already; name a folder that is not")
    print("compressing the images, a minute or two", file=sys.stderr, flush=True)
    count = pack_images(arrays_of(chosen.data), chosen.folder, chosen.megabytes * 10**6)
    if not chosen.no_wheels:
        pack_wheels(chosen.folder, chosen.python)
    for part in sorted(chosen.folder.iterdir()):
        print(f"{part}: {sum(file.stat().st_size for file in part.iterdir()) / 1e6:.1f} MB")
    print(f"{count} folders of images; `python {chosen.folder}/data-0/unpack.py cifar100.npz` puts them together")


if __name__ == "__main__":
    main()
