"""Decoding of image files to upright RGB images, and cropping."""

import io
import math
import re
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from osrmac.descriptor.pillow_settings import pillow_settings
from osrmac.errors import reason
from osrmac.types import Box

__all__ = ["DecodeError", "DecodedImage", "crop", "decode"]

_WHITE_16_BIT = 65535

_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations of images that are stored with width and height exchanged."""

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn an image upright, by its EXIF orientation."""

_START_OF_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MAX_SCANS = 100
"""Scans of a JPEG. Cameras and optimizers write about ten. Each costs a pass over all pixels for about ten bytes."""


class DecodeError(Exception):
    """An image cannot be decoded or cropped; the message is the reason, on one line."""


class DecodedImage(NamedTuple):
    """A decoded image.

    Attributes:
        image: Upright RGB image, smaller than the file's if it was decoded at a reduced size.
        size: Width and height of the upright image at full size, in pixels.
    """

    image: Image.Image
    size: tuple[int, int]


def decode(
    encoded: bytes,
    *,
    max_pixels: int,
    exif_orientation: bool = True,
    min_longest_side: int | None = None,
    allow_truncated: bool = False,
) -> DecodedImage:
    """Decode an image file of any format that Pillow reads, except EPS, to RGB.

    Animations give their first frame. Transparent images are composited over white; of 16-bit pixels the high byte is
    kept. Thread-safe: the options apply to this call only.

    Args:
        encoded: Content of the file.
        max_pixels: Refuse larger images before their pixels are decoded.
        exif_orientation: Turn the image upright according to its EXIF data.
        min_longest_side: Decode a JPEG at 1/2, 1/4 or 1/8 of its size, which is much faster, while its longest side
            has at least this many pixels. None decodes at full size.
        allow_truncated: Decode truncated and damaged files as far as possible, for people to look at.

    Raises:
        DecodeError: The file is empty, of an unknown format, truncated, damaged or too large.
    """
    if not encoded:
        raise DecodeError("the file is empty")
    with pillow_settings(max_pixels, allow_truncated=allow_truncated):
        try:
            return _decode(encoded, max_pixels, exif_orientation, min_longest_side)
        except DecodeError:
            raise
        except UnidentifiedImageError as error:
            raise DecodeError("not an image of a known format") from error
        except Image.DecompressionBombError as error:
            raise DecodeError(f"more than twice the limit of {max_pixels} pixels") from error
        except Exception as error:  # damaged files make Pillow's plugins raise exceptions of any type
            raise DecodeError(reason(error)) from error


def _decode(encoded: bytes, max_pixels: int, exif_orientation: bool, min_longest_side: int | None) -> DecodedImage:
    with Image.open(io.BytesIO(encoded), formats=_formats()) as image:
        if image.width * image.height > max_pixels:
            raise DecodeError(f"{image.width}x{image.height} pixels are over the limit of {max_pixels}")
        if image.format in {"JPEG", "MPO"} and len(_START_OF_SCAN.findall(encoded)) > _MAX_SCANS:
            raise DecodeError(f"a JPEG of more than {_MAX_SCANS} scans")
        stored_size = image.size
        is_reduced = (
            min_longest_side is not None
            and image.draft(image.mode, _draft_size(stored_size, min_longest_side)) is not None
        )
        image.load()
        orientation = _orientation(image) if exif_orientation else 1
        upright = image.transpose(_TRANSPOSITIONS[orientation]) if orientation in _TRANSPOSITIONS else image
        upright_size = stored_size[::-1] if orientation in _SIDEWAYS else stored_size
        return DecodedImage(_to_rgb(upright), upright_size if is_reduced else upright.size)


@cache
def _formats() -> tuple[str, ...]:
    """Names of the formats to try: all but EPS, a programming language whose interpreter may run for ever."""
    Image.init()
    return tuple(name for name in Image.OPEN if name != "EPS")


def _draft_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Return the minimum size for Pillow's draft mode, rounded down so that exactly twice this size is still halved."""
    return max(1, size[0] * longest_side // max(size)), max(1, size[1] * longest_side // max(size))


def _orientation(image: Image.Image) -> int | None:
    # ImageOps.exif_transpose also writes the EXIF data again, and fails where they cannot be written.
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # EXIF data are often damaged where the image is not
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise DecodeError("floating-point pixels have no defined white")
    if image.mode == "I" or image.mode.startswith("I;16"):
        wide = np.asarray(image).clip(0, _WHITE_16_BIT)
        return Image.fromarray((wide >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Crop an image to a box, rounded to whole pixels and clipped to the image.

    Raises:
        DecodeError: No part of the box lies inside the image, or an edge is not finite.
    """
    if not all(math.isfinite(edge) for edge in box):
        raise DecodeError(f"box {box} has an edge that is not a finite number")
    left, top, right, bottom = (round(edge) for edge in box)
    clipped = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise DecodeError(f"box {box} lies outside the {image.width}x{image.height} image")
    return image.crop(clipped)
