"""The pixels of an image file, as a viewer shows it.

What is here is written out whole into the example and the model card of an export, so that serving reads images as
training did, to the bit: it needs NumPy and Pillow alone.
"""

import inspect
import io
import os
import re
import stat

import numpy as np

# Counted up when a file gives other pixels than before: decoded images of an earlier count are not read any more.
DECODING = 2
# Pillow would try everything it knows on any file, and starts another program for some of it. JPEG includes MPO.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
# How an image comes to another size, and how by default.
RESIZED = {
    "antialias": "bilinearly with antialiasing; the proportion of its sides may change",
    "stretch": "bilinearly without antialiasing; the proportion of its sides may change",
    "crop": "bilinearly without antialiasing; what is too much of the longer side is cut off, half at each end",
    "pad": "bilinearly without antialiasing; black is added at both ends of the shorter side",
}
RESIZE = "antialias"
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What EXIF says of how a photo is to be turned before it is shown.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def read(path, size=None, channels=3, how=RESIZE):
    """The pixels of an image file.

    Args:
        path: a jpg, png, bmp, gif, webp or tif file; of several pictures in it the first.
        size: (height, width) to resize to, or None.
        channels: 1 grey, 3 colours, or 4 colours and opacity.
        how: it is resized, one of `RESIZED`.

    Returns:
        uint8 array (height, width, channels).

    Raises:
        Exception: it is no regular file, of too many pixels, of more bits than 8, or whatever Pillow has to say about a
            file that it cannot read.
    """
    with opened(path) as image:
        return resize(shown(image, channels), size, how)


def opened(path):
    """An image file as Pillow's image, not decoded yet; a pipe, which would wait forever, is refused."""
    from PIL import Image

    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise ValueError("a folder, not a file" if stat.S_ISDIR(mode) else "a pipe, socket or device, not a file")
    return Image.open(path, formats=FORMATS)


def shown(image, channels=3):
    """The pixels of an opened image: upright, in RGB, what is transparent on white."""
    from PIL import Image

    pixels = image.width * image.height
    if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:  # Pillow itself warns up to twice
        raise ValueError(f"{pixels} pixels: expected at most {Image.MAX_IMAGE_PIXELS}")
    if image.mode.startswith("I") or image.mode == "F":
        # Depths, X-rays and the like: programs do not agree on what is black and what is white in them.
        raise ValueError(f"mode {image.mode}: expected 8 bits a channel")
    if channels not in MODES:
        raise ValueError(f"{channels} channels: expected 1, 3 or 4")
    image.load()
    try:
        turn = TURNS.get(image.getexif().get(0x0112))
    except Exception:  # of a damaged tag, which no viewer heeds, Pillow raises nearly anything
        turn = None
    image = image if turn is None else image.transpose(getattr(Image.Transpose, turn))
    if channels == 4:
        return np.asarray(image.convert("RGBA"))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.new("RGB", over.size, (255, 255, 255))
        image.paste(over.convert("RGB"), mask=over.getchannel("A"))
    image = printed(image) if image.mode == "CMYK" else image.convert("RGB")
    return np.asarray(image.convert(MODES[channels])).reshape(image.height, image.width, channels)


def printed(image):
    """An image of printing inks in RGB, by its colour profile if it has one that is usable."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if profile:
        try:
            inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, inks, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):  # damaged, or not of inks: no viewer heeds it
            pass
    return image.convert("RGB")


def resize(image, size, how=RESIZE):
    """An image in another size, bilinearly.

    Args:
        image: uint8 array (height, width, channels).
        size: (height, width), or None to leave it.
        how: of `RESIZED`. antialias and stretch may change the proportion of its sides; crop keeps it and cuts off
            what is too much, pad keeps it and adds black. All but antialias are Keras's own, of
            `image_dataset_from_directory`, rounded: each pixel comes of four, however small the image becomes.

    Returns:
        uint8 array (*size, channels).

    Example:
        >>> resize(np.full((4, 6, 1), 7, "uint8"), (2, 3)).ravel().tolist()
        [7, 7, 7, 7, 7, 7]
        >>> resize(np.full((2, 4, 1), 7, "uint8"), (4, 4), "pad")[:, 0, 0].tolist()
        [0, 7, 7, 0]
    """
    if size is None or image.shape[:2] == tuple(size):
        return image
    if how != "antialias":
        return padded(image, size) if how == "pad" else bilinear(cropped(image, size) if how == "crop" else image, size)
    from PIL import Image

    def resized(pixels):
        return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR))

    if image.shape[2] == 3:
        return resized(image)
    return np.stack([resized(np.ascontiguousarray(image[..., channel])) for channel in range(image.shape[2])], -1)


def cropped(image, size):
    """The middle of an image, as large as it can be with its sides in the proportion of a size."""
    (height, width), (to_height, to_width) = image.shape[:2], size
    # In float32, in which Keras divides.
    rows = max(min(height, int(np.float32(width * to_height) / np.float32(to_width))), 1)
    columns = max(min(width, int(np.float32(height * to_width) / np.float32(to_height))), 1)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def padded(image, size):
    """An image made as large as it can be within a size, in the middle of black."""
    sides, wanted = np.asarray(image.shape[:2], "float32"), np.asarray(size, "float32")
    within = sides / (sides / wanted).max()
    rows, columns = (max(int(one), 1) for one in within)
    top, left = (max(int(one), 0) for one in np.floor((wanted - within) / 2))
    whole = np.zeros((*size, image.shape[2]), "uint8")
    whole[top : top + rows, left : left + columns] = bilinear(image, (rows, columns))
    return whole


def bilinear(image, size):
    """An image in another size, each pixel of the four that are nearest to its centre."""
    lower, upper, share = [], [], []
    for side, to in zip(image.shape[:2], size, strict=True):
        half, scale = np.float32(0.5), np.float32(side) / np.float32(to)
        place = (np.arange(to, dtype="float32") + half) * scale - half
        before = np.floor(place)
        lower.append(np.maximum(before, 0).astype(int))
        upper.append(np.minimum(np.ceil(place), side - 1).astype(int))
        share.append((place - before).astype("float32"))
    across, down = share[1][None, :, None], share[0][:, None, None]
    rows = [image[rows].astype("float32") for rows in (lower[0], upper[0])]
    top, bottom = (row[:, lower[1]] + (row[:, upper[1]] - row[:, lower[1]]) * across for row in rows)
    return np.rint(top + (bottom - top) * down).astype("uint8")


def as_program(how=RESIZE):
    """The text of a program that reads images as this module does: `read(path, (height, width), channels)`.

    Args:
        how: images are resized, one of `RESIZED`.

    Example:
        >>> made = {}
        >>> exec(as_program(), made)
        >>> made["resize"](np.full((4, 6, 1), 7, "uint8"), (2, 3)).ravel().tolist()
        [7, 7, 7, 7, 7, 7]
    """
    constants = {"FORMATS": FORMATS, "MODES": MODES, "TURNS": TURNS, "RESIZE": how}
    own = () if how == RESIZE else (cropped, padded, bilinear)
    functions = [inspect.getsource(one).rstrip() for one in (read, opened, shown, printed, resize, *own)]
    # Of what is said of them the first line is enough here.
    brief = [re.sub(r'"""(.+?)\n\n.*?"""', r'"""\1"""', text, count=1, flags=re.DOTALL) for text in functions]
    imports = ["import io", "import os", "import stat", "", "import numpy as np", ""]
    return "\n".join([*imports, *(f"{name} = {value!r}" for name, value in constants.items())]) + "".join(
        f"\n\n\n{text}" for text in brief
    )
