"""Folders of images with one odd file, or laid out oddly: each is used rightly, or what of it is not is named.

    python benchmarks/odd_images.py [--quick] [--json]

Each folder is read in a process of its own, which may take five seconds, with traps in place of the programs that image
libraries start. Where the odd file is used its pixels are compared with those that a viewer shows.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from measuring import finish, options
from PIL import Image
from safety_places import heeds_permissions

LIMIT = 5  # seconds
TRAPS = ("gs", "convert", "magick", "ffmpeg", "inkscape", "rsvg-convert", "dcraw")
SIZE = (16, 16)
READ = """
import json, sys, time
import numpy as np
from PIL import Image
from keras_kd.data import load
from keras_kd.utils.errors import UserError
begun = time.perf_counter()
try:
    found = load(sys.argv[1], cache_dir=sys.argv[2])
    np.save(sys.argv[3], found.train.images)
    said = {"outcome": "used", "images": len(found.train) + len(found.test) + len(found.validation or ())}
except UserError as error:
    said = {"outcome": "refused", "said": str(error)}
print(json.dumps({**said, "seconds": round(time.perf_counter() - begun, 2)}))
"""
GENERATOR = np.random.default_rng(0)
COLOURS = GENERATOR.integers(0, 256, (*SIZE, 3)).astype("uint8")
IMAGE = Image.fromarray(COLOURS)


def exif(orientation):
    """EXIF data that turn an image when it is shown."""
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def chunk(kind, content):
    """A part of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth, colour, content, extra=b""):
    """A PNG file of any header, whether it fits what follows or not."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def saved(ending, image=IMAGE, **settings):
    """A maker of an image file."""
    return lambda folder: image.save(folder / f"zz.{ending}", **settings)


def written(name, content):
    """A maker of a file of some bytes."""
    return lambda folder: (folder / name).write_bytes(content)


def cut(ending, share):
    """A maker of an image file of which the end is missing."""

    def make(folder):
        IMAGE.resize((64, 64)).save(folder / f"zz.{ending}")
        content = (folder / f"zz.{ending}").read_bytes()
        (folder / f"zz.{ending}").write_bytes(content[: int(len(content) * share)])

    return make


def header_changed(folder):
    """A JPEG that says it is very large."""
    IMAGE.save(folder / "zz.jpg")
    content = bytearray((folder / "zz.jpg").read_bytes())
    place = content.find(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", 65000, 65000)
    (folder / "zz.jpg").write_bytes(content)


def closed(folder):
    """A file that may not be read."""
    IMAGE.save(folder / "zz.png")
    (folder / "zz.png").chmod(0)


def link(name, target):
    """A maker of a link."""
    return lambda folder: (folder / name).symlink_to(target)


def whole(make):
    """A maker that changes the whole folder, not that of one class."""
    return lambda folder: make(folder.parent.parent)


def renamed(old, new):
    """A maker that gives a folder another name."""
    return whole(lambda root: (root / old).rename(root / new))


def copied(old, new):
    """A maker that copies a folder or a file."""
    return whole(lambda root: (shutil.copytree if (root / old).is_dir() else shutil.copy)(root / old, root / new))


def in_both(name):
    """A maker of a class of any name, of bytes too, in both splits."""

    def make(folder):
        root = os.fsencode(folder.parent.parent)
        for split in (b"train", b"test"):
            shutil.copytree(os.path.join(root, split, b"a"), os.path.join(root, split, name))

    return make


def pipe(folder):
    """What never ends to be read."""
    os.mkfifo(folder / "zz.png")


RED = Image.new("RGB", SIZE, (255, 0, 0))
FRAMES = {"save_all": True, "append_images": [RED.rotate(90), Image.new("RGB", SIZE, (0, 0, 255))]}
HALF = Image.fromarray(np.dstack([COLOURS, np.repeat([[0], [255]], 8, 0).repeat(16, 1).astype("uint8")]))
ON_WHITE = np.concatenate([np.full((8, 16, 3), 255, "uint8"), COLOURS[8:]])
GREY = np.asarray(IMAGE.convert("L").convert("RGB"))
DEEP = GENERATOR.integers(0, 65536, (*SIZE, 3)).astype(">u2")
DEEP_ROWS = b"".join(b"\0" + row.tobytes() for row in DEEP)
ZTXT = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"0" * 50_000_000, 9))
# {name: (how it is made, what is right)}: the pixels that a viewer shows, "used", "refused", or what a line must name.
CASES = {
    **{f"EXIF orientation {one} in {end}": (saved(end, exif=exif(one), **how), COLOURS if one == 1 else turned)
       for end, how in (("png", {}), ("tif", {}), ("webp", {"lossless": True}))
       for one, turned in ((1, None), (3, COLOURS[::-1, ::-1]), (6, np.rot90(COLOURS, -1)), (8, np.rot90(COLOURS)))},
    "EXIF orientation 6 in jpg": (saved("jpg", RED, exif=exif(6)), "used"),
    "damaged EXIF": (saved("png", exif=b"Exif\0\0II*\0\xff\xff"), COLOURS),
    "grey": (saved("png", IMAGE.convert("L")), GREY),
    "grey and opacity": (saved("png", IMAGE.convert("LA")), GREY),
    "opacity in png": (saved("png", HALF), ON_WHITE),
    "opacity in webp": (saved("webp", HALF, lossless=True), ON_WHITE),
    "opacity in tif": (saved("tif", HALF), ON_WHITE),
    "palette with a transparent colour": (saved("gif", RED.convert("P"), transparency=5), "used"),
    "one bit": (saved("png", IMAGE.convert("1")), np.asarray(IMAGE.convert("1").convert("RGB"))),
    "inks in jpg": (saved("jpg", Image.new("CMYK", SIZE, (0, 255, 255, 0))), np.asarray(RED)),
    "inks in tif": (saved("tif", Image.new("CMYK", SIZE, (0, 255, 255, 0))), np.asarray(RED)),
    "16 bits of colour": (written("zz.png", png(16, 16, 16, 2, DEEP_ROWS)), (DEEP >> 8).astype("uint8")),
    "16 bits of grey": (saved("png", Image.fromarray(DEEP[..., 0].astype("uint16"))), "refused"),
    "numbers of 32 bits": (saved("tif", Image.new("F", SIZE)), "refused"),
    "moving gif": (saved("gif", RED, **FRAMES), np.asarray(RED)),
    "moving webp": (saved("webp", RED, lossless=True, **FRAMES), np.asarray(RED)),
    "moving png": (saved("png", RED, **FRAMES), np.asarray(RED)),
    "pages of tif": (saved("tif", RED, **FRAMES), np.asarray(RED)),
    "tiff": (saved("tiff"), COLOURS),
    "capital ending": (lambda folder: IMAGE.save(folder / "zz.PNG"), COLOURS),
    "jfif": (lambda folder: RED.save(folder / "zz.jfif", format="JPEG"), "used"),
    "wrong ending": (lambda folder: IMAGE.save(folder / "zz.jpg", format="PNG"), COLOURS),
    "without an ending": (lambda folder: IMAGE.save(folder / "zz", format="PNG"), "zz"),
    "heic": (written("zz.heic", b"\0\0\0\x18ftypheic"), "zz.heic"),
    "avif": (written("zz.avif", b"\0\0\0\x18ftypavif"), "zz.avif"),
    "svg": (written("zz.svg", b"<svg/>"), "zz.svg"),
    "a hidden image": (lambda folder: IMAGE.save(folder / ".zz.png"), ".zz.png"),
    "empty": (written("zz.png", b""), "refused"),
    "text": (written("zz.png", b"hello"), "refused"),
    "a page of a server": (written("zz.jpg", b"<html>404</html>"), "refused"),
    "cut png": (cut("png", 0.5), "refused"),
    "cut jpg": (cut("jpg", 0.5), "refused"),
    "cut tif": (cut("tif", 0.5), "refused"),
    "cut gif": (cut("gif", 0.5), "refused"),
    "cut webp": (cut("webp", 0.5), "refused"),
    "very large png": (written("zz.png", png(30_000, 30_000, 1, 0, bytes(3751 * 30_000))), "refused"),
    "header of a very large png": (written("zz.png", png(2**31 - 1, 2**31 - 1, 8, 2, b"")), "refused"),
    "header of a very large jpg": (header_changed, "refused"),
    "no pixels": (written("zz.png", png(0, 0, 8, 2, b"")), "refused"),
    "a text that unpacks to 50 MB": (written("zz.png", png(16, 16, 8, 2, (b"\0" + b"\1" * 48) * 16, ZTXT)), "refused"),
    "postscript": (written("zz.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\n"), "refused"),
    "another size": (saved("png", IMAGE.resize((17, 16))), "refused"),
    "one pixel": (saved("png", IMAGE.resize((1, 1))), "refused"),
    "pipe": (pipe, "refused"),
    "folder called as an image": (lambda folder: (folder / "zz.png").mkdir(), "refused"),
    "link to itself": (link("zz.png", "zz.png"), "refused"),
    "link to nothing": (link("zz.png", "/nonexistent/x.png"), "refused"),
    "link to its folder": (link("zz", ".."), "refused"),
    "link to an image": (lambda folder: (folder / "zz.png").symlink_to(folder.parent / "b" / "0.png"), "used"),
    "file that may not be read": (closed, "refused"),
    "folder that may not be read": (lambda folder: folder.chmod(0), "refused"),
    "class of other bytes": (in_both(b"\xff\xfe"), "refused"),
    "class with a line break": (in_both(b"my class\n# x"), "refused"),
    "class with an escape": (in_both(b"\x1b[31mred"), "refused"),
    "class in HTML": (in_both(b"<script>alert(1)<>"), "used"),
    "file of other bytes": (lambda folder: IMAGE.save(os.fsencode(folder) + b"/zz\xff.png", "PNG"), COLOURS),
    "the same image in train and test": (copied("test/a/0.png", "train/a/zz.png"), "train/a/zz.png"),
    "empty class": (whole(lambda root: [(root / one / "d").mkdir() for one in ("train", "test")]), "refused"),
    "class in train alone": (copied("train/a", "train/d"), "refused"),
    "class in test alone": (copied("test/a", "test/d"), "refused"),
    "Test": (renamed("test", "Test"), "used"),
    "eval": (renamed("test", "eval"), "used"),
    "valid": (copied("test", "valid"), "valid is the validation split"),
    "valid and dev": (whole(lambda root: [shutil.copytree(root / "test", root / one) for one in ("dev", "valid")]),
                      "refused"),
    "Train next to train": (copied("train", "Train"), "refused"),
    "images deeper in a class": (copied("test/a", "train/a/more"), "used"),
    "test without classes": (whole(lambda root: [shutil.move(root / "test" / "a" / "0.png", root / "test"),
                                                 *map(shutil.rmtree, (root / "test").glob("?"))]), "0.png"),
    "images next to the splits": (copied("train/a/0.png", "loose.png"), "loose.png"),
    "folder of a system": (copied("train", "__MACOSX"), "used"),
}  # fmt: skip


def base(root):
    """Three classes of small images, in train and test; those of class a come first."""
    generator = np.random.default_rng(1)
    for split, count in (("train", 3), ("test", 2)):
        for name in ("a", "b", "c"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (*SIZE, 3)).astype("uint8")
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")


def tried(make, right, trap):
    """What comes of a folder, a dict with "wrong": what is not as it should be, or None."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        base(place / "images")
        make(place / "images" / "train" / "a")
        command = [sys.executable, "-c", READ, place / "images", place / "cache", place / "pixels.npy"]
        found = {"outcome": "over the limit", "seconds": None}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT + 10, preexec_fn=heeds_permissions, env=trap.env
            )
            notes = done.stderr.replace(str(place / "images"), "IMAGES")
            found = json.loads(done.stdout) if done.returncode == 0 else {"outcome": "raw error", "seconds": None}
            found["said"] = (found.get("said") or notes.strip()).replace(str(place / "images"), "IMAGES")
        except subprocess.TimeoutExpired:
            pass
        pixels = place / "pixels.npy"
        found["wrong"] = _wrong(found, right, np.load(pixels) if pixels.exists() else None, trap)
        (place / "images" / "train" / "a").chmod(0o755)
        return found


def _wrong(found, right, pixels, trap):
    if trap.sprung():
        return "a program was started"
    if found["outcome"] not in ("used", "refused") or found["seconds"] > LIMIT:
        return found["outcome"]
    if isinstance(right, np.ndarray):
        # Inks come back from a JPEG by a unit or two.
        same = pixels is not None and np.abs(pixels[3].astype(int) - right).max() <= 2
        return None if same else "other pixels than a viewer shows"
    if right in ("used", "refused"):
        return None if found["outcome"] == right else f"expected {right}"
    return None if found["outcome"] == "used" and right in found["said"] else f"expected a line with {right}"


class Trap:
    """Programs that say so when they are started."""

    def __init__(self, place):
        self._started = place / "started"
        for name in TRAPS:
            (place / name).write_text(f"#!/bin/sh\ntouch {self._started}\n")
            (place / name).chmod(0o755)
        self.env = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}

    def sprung(self):
        """Whether one was started."""
        return self._started.exists()


def main():
    chosen = options(__doc__)
    names, rows = list(CASES)[:: 8 if chosen.quick else 1], []
    with tempfile.TemporaryDirectory() as place:
        trap = Trap(Path(place))
        for name in names:
            row = {"case": name, **tried(*CASES[name], trap)}
            rows.append(row)
            if not chosen.json:
                mark = f"  WRONG: {row['wrong']}" if row["wrong"] else ""
                print(
                    f"{name:<36} {row['outcome']:<8} {row['seconds']!s:>5} s  {row['said'][:150]!r}{mark}", flush=True
                )
    wrong = [row["case"] for row in rows if row["wrong"]]
    table = f"{len(rows)} folders with one odd thing: {len(wrong)} wrong{': ' * bool(wrong)}{', '.join(wrong)}"
    counts = {kind: sum(row["outcome"] == kind for row in rows) for kind in ("used", "refused")}
    finish("odd_images", {"tried": len(rows), "wrong": len(wrong), **counts, "rows": rows}, table, chosen)


if __name__ == "__main__":
    main()
