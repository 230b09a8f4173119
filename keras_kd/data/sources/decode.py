"""The pixels of an image file, as a viewer shows it.

What is here is written out whole into the example and the model card of an export, so that serving reads images as
training did, to the bit: it needs NumPy and Pillow alone.
"""

import os
import stat

import numpy as np

# Counted up when a file gives other pixels than before: decoded images of an earlier count are not read any more.
DECODING = 2
# Pillow would try everything it knows on any file, and starts another program for some of it. JPEG includes MPO.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
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


def read(path, size=None, channels=3):
    """The pixels of an image file.

    Args:
        path: a jpg, png, bmp, gif, webp or tif file; of several pictures in it the first.
        size: (height, width) to resize to, or None.
        channels: 1 grey, 3 colours, or 4 colours and opacity.

    Returns:
        uint8 array (height, width, channels).

    Raises:
        Exception: it is no regular file, of too many pixels, of more bits than 8, or whatever Pillow has to say about a
            file that it cannot read.
    """
    with opened(path) as image:
        return resize(shown(image, channels), size)


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
        raise ValueError(f"mode {image.mode}: expected 8 bits a channel")
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
    found = np.asarray(image.convert("RGB").convert(MODES[channels]))
    return found.reshape(*found.shape[:2], channels)


def resize(image, size):
    """An image resized bilinearly with antialiasing; its sides may change their proportion.

    Args:
        image: uint8 array (height, width, channels).
        size: (height, width), or None to leave it.

    Returns:
        uint8 array (*size, channels).

    Example:
        >>> resize(np.full((4, 6, 1), 7, "uint8"), (2, 3)).ravel().tolist()
        [7, 7, 7, 7, 7, 7]
    """
    if size is None or image.shape[:2] == tuple(size):
        return image
    from PIL import Image

    def resized(pixels):
        return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR))

    if image.shape[2] == 3:
        return resized(image)
    return np.stack([resized(np.ascontiguousarray(image[..., channel])) for channel in range(image.shape[2])], -1)
