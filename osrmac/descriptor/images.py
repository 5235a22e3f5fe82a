"""From encoded bytes to an upright RGB picture, and from there to the scales a backbone sees."""

import io
import math

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from osrmac.errors import reason

__all__ = ["Box", "DecodeError", "crop", "decode", "scaled_size", "to_scale"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the upright picture."""

_WHITE_16_BIT = 65535


class DecodeError(Exception):
    """Bytes that are no picture, or not a whole one; the message is the reason in one line."""


def decode(encoded: bytes, *, exif_orientation: bool = True, max_pixels: int) -> Image.Image:
    """Decode a picture of any format Pillow reads (the first frame, if it is animated) to RGB.

    Alpha is laid over white; 16-bit pixels keep their high byte; CMYK and palettes are converted.

    Args:
        encoded: The file's content.
        exif_orientation: Turn the picture upright as its EXIF data says.
        max_pixels: Refuse larger pictures before their pixels are decoded.

    Raises:
        DecodeError: Empty, unknown, truncated, damaged or too large.
    """
    if not encoded:
        raise DecodeError("the file is empty")
    # The limit here replaces Pillow's process-wide one, which warns where we refuse.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.width * image.height > max_pixels:
                raise DecodeError(f"{image.width}x{image.height} pixels are over the limit of {max_pixels}")
            image.load()
            upright = ImageOps.exif_transpose(image) if exif_orientation else image
            return _to_rgb(upright)
    except DecodeError:
        raise
    except UnidentifiedImageError as error:
        raise DecodeError("not an image of a known format") from error
    except Exception as error:  # Pillow's plugins raise whatever a damaged file provokes
        raise DecodeError(reason(error)) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise DecodeError("floating-point pixels have no defined white")
    if image.mode == "I" or image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.int64).clip(0, _WHITE_16_BIT)
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
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    width, height = scaled_size(image.width, image.height, longest)
    return transforms.resize(pixels, [height, width], antialias=True)
