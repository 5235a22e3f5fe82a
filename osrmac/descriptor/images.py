"""From encoded bytes to an upright RGB picture, and from there to the scales a backbone sees."""

import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from osrmac.errors import reason
from osrmac.types import Box

__all__ = [
    "DecodeError",
    "crop",
    "decode",
    "decode_at_least",
    "resized",
    "salvage",
    "scaled_size",
    "to_scale",
    "to_scales",
]


_WHITE_16_BIT = 65535
_ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations of pictures that are stored with width and height exchanged."""

Image.init()
_FORMATS = [name for name in Image.OPEN if name != "EPS"]
"""All that Pillow reads but EPS, which is a program that Ghostscript would run, for as long as it likes."""

_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MOST_SCANS = 100
"""Of a JPEG; cameras and optimizers write about ten. Each is a pass over all pixels, for as little as ten bytes."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class DecodeError(Exception):
    """Bytes that are no picture, or not a whole one; the message is the reason in one line."""


def decode(encoded: bytes, *, exif_orientation: bool = True, max_pixels: int) -> Image.Image:
    """Decode a picture of any format Pillow reads (the first frame, if it is animated), but EPS, to RGB.

    Alpha is laid over white; 16-bit pixels keep their high byte; CMYK and palettes are converted.

    Args:
        encoded: The file's content.
        exif_orientation: Turn the picture upright as its EXIF data says.
        max_pixels: Refuse larger pictures before their pixels are decoded.

    Raises:
        DecodeError: Empty, unknown, truncated, damaged or too large.
    """
    image, _ = decode_at_least(None, encoded, exif_orientation=exif_orientation, max_pixels=max_pixels)
    return image


def decode_at_least(
    longest: int | None, encoded: bytes, *, exif_orientation: bool = True, max_pixels: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Decode as `decode` does, but a large JPEG only as finely as it will be looked at, which is much faster.

    A JPEG at least twice as long as needed is reduced while its cosine transform is inverted, by a half, a quarter
    or an eighth: to what its own blocks would average to.

    Args:
        longest: What the longer side may be reduced to but not below, in pixels; None to keep all of them.
        encoded: As for `decode`.
        exif_orientation: Likewise.
        max_pixels: Likewise.

    Returns:
        The picture, and the width and height that it has unreduced.

    Raises:
        DecodeError: As `decode` does.
    """
    if not encoded:
        raise DecodeError("the file is empty")
    # The process's filters must not decide whether a picture is good, nor may a collection fill the log.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _decode(longest, encoded, exif_orientation, max_pixels)
        except DecodeError:
            raise
        except UnidentifiedImageError as error:
            raise DecodeError("not an image of a known format") from error
        except Image.DecompressionBombError as error:
            raise DecodeError(f"more than twice the limit of {max_pixels} pixels") from error
        except Exception as error:  # Pillow's plugins raise whatever a damaged file provokes
            raise DecodeError(reason(error)) from error


def salvage(
    longest: int | None, encoded: bytes, *, exif_orientation: bool = True, max_pixels: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Decode as `decode_at_least` does, but show what there is of a picture that is cut off or damaged.

    For people to look at, and only where no other thread decodes: what Pillow accepts is a setting of the process.

    Raises:
        DecodeError: There is nothing to be seen.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return decode_at_least(longest, encoded, exif_orientation=exif_orientation, max_pixels=max_pixels)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _decode(
    longest: int | None, encoded: bytes, exif_orientation: bool, max_pixels: int
) -> tuple[Image.Image, tuple[int, int]]:
    # Pillow's own limit is twice this, but it also holds for the pictures inside a file, such as those in an icon.
    Image.MAX_IMAGE_PIXELS = max_pixels
    with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
        if image.width * image.height > max_pixels:
            raise DecodeError(f"{image.width}x{image.height} pixels are over the limit of {max_pixels}")
        if image.format in {"JPEG", "MPO"} and len(_SCAN.findall(encoded)) > _MOST_SCANS:
            raise DecodeError(f"a JPEG of more than {_MOST_SCANS} scans")
        whole = image.size
        reduced = longest is not None and image.draft(image.mode, _no_less(whole, longest)) is not None
        image.load()
        orientation = _orientation(image) if exif_orientation else 1
        upright = image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
        size = whole[::-1] if orientation in _ON_ITS_SIDE else whole
        return _to_rgb(upright), size if reduced else upright.size


def _orientation(image: Image.Image) -> int | None:
    # ImageOps.exif_transpose also writes the EXIF data anew, and gives the picture up where that fails.
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # what a camera noted is often damaged; the picture is not
        return None


def _no_less(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size to ask Pillow for, which reduces to no less; rounded down, so that exactly twice as large suffices."""
    return max(1, size[0] * longest // max(size)), max(1, size[1] * longest // max(size))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise DecodeError("floating-point pixels have no defined white")
    if image.mode == "I" or image.mode.startswith("I;16"):
        wide = np.asarray(image).clip(0, _WHITE_16_BIT)
        return Image.fromarray((wide >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        return Image.alpha_composite(white, layers).convert("RGB")
    return image.convert("RGB")


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Cut out a box, rounded to whole pixels and clipped to the picture.

    Raises:
        DecodeError: Nothing of the box lies inside the picture, or an edge is no finite number.
    """
    if not all(math.isfinite(edge) for edge in box):
        raise DecodeError(f"box {box} has an edge that is no finite number")
    left, top, right, bottom = (round(edge) for edge in box)
    inside = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise DecodeError(f"box {box} lies outside the {image.width}x{image.height} picture")
    return image.crop(inside)


def scaled_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Width and height after scaling the longest side to `longest` pixels, aspect ratio kept."""
    factor = longest / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def to_scale(image: Image.Image, longest: int) -> Tensor:
    """Resize up or down by antialiased bilinear interpolation.

    Args:
        image: An RGB picture.
        longest: Length of the longest side afterwards, in pixels.

    Returns:
        Pixels, uint8, (3, height, width).
    """
    (pixels,) = to_scales(image, [longest])
    return pixels


def to_scales(image: Image.Image, scales: Iterable[int]) -> list[Tensor]:
    """A picture at several scales, each made from the picture itself: see `to_scale`."""
    return list(resized(torch.from_numpy(np.array(image)).permute(2, 0, 1), scales))


def resized(pixels: Tensor, scales: Iterable[int]) -> Iterator[Tensor]:
    """Pictures of one size at several scales, each made when it is asked for: see `to_scale`.

    Args:
        pixels: uint8, (..., 3, height, width), on any device.
        scales: Lengths of the longest side afterwards, in pixels.
    """
    for longest in scales:
        width, height = scaled_size(pixels.shape[-1], pixels.shape[-2], longest)
        yield transforms.resize(pixels, [height, width], antialias=True)
