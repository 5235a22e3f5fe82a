"""Conversion of decoded images to RGB and to arrays, block by block, which takes little memory beside the result."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT, TiffImageFile

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["WideGrey", "is_wide", "to_array", "to_rgb", "to_tensor"]

_BLOCK = 1 << 20
"""Pixels that are converted at a time."""

_WHITE = 65535
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
"""Values of TIFF tags."""


class WideGrey(NamedTuple):
    """What Pillow's modes do not say about grey pixels of 16 or 32 bits.

    Attributes:
        is_unsigned: Whether pixels of 32 bits are unsigned; Pillow returns them as signed.
        is_inverted: Whether 0 is white.
    """

    is_unsigned: bool = False
    is_inverted: bool = False

    @classmethod
    def of(cls, image: Image.Image) -> "WideGrey":
        """Look up the properties in the tags of a TIFF image; others have none of them."""
        if not isinstance(image, TiffImageFile):
            return cls()
        tags = image.tag_v2
        is_unsigned = tags.get(SAMPLEFORMAT, (_UNSIGNED,))[0] == _UNSIGNED
        return cls(is_unsigned, tags.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO)


_ORDINARY = WideGrey()


def is_wide(image: Image.Image) -> bool:
    """Whether the image has grey pixels of 16 or 32 bits, as integers."""
    return image.mode == "I" or image.mode.startswith("I;16")


def to_rgb(image: Image.Image, grey: WideGrey = _ORDINARY) -> Image.Image:
    """Convert an image of any mode but F to RGB.

    Transparent images are composited over white; of 16-bit pixels the high byte is kept.

    Args:
        image: A loaded image.
        grey: How to interpret pixels of more than 8 bits.

    Returns:
        An image of mode RGB: the same one if it is RGB and opaque.
    """
    is_transparent = image.has_transparency_data
    if image.mode == "RGB" and not is_transparent:
        return image
    rgb = Image.new("RGB", image.size)
    for box in _blocks(image.size):
        block = image.crop(box)
        if is_wide(image):
            converted = _high_byte(block, grey)
        elif is_transparent:
            converted = _over_white(block)
        else:
            converted = block.convert("RGB")
        rgb.paste(converted, box)
    return rgb


def to_array(image: Image.Image) -> NDArray[np.uint8]:
    """Copy the pixels of an RGB image to an array: uint8, (H, W, 3)."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for left, top, right, bottom in _blocks(image.size):
        pixels[top:bottom, left:right] = np.asarray(image.crop((left, top, right, bottom)))
    return pixels


def to_tensor(image: Image.Image) -> "Tensor":
    """Return the pixels of an RGB image: uint8, (H, W, 4), or (H, W, 3) if Pillow's memory is in several pieces.

    Pillow holds four bytes per pixel, of which the last one means nothing. They are not copied: copying takes time, and
    Python's global interpreter lock, which other threads need. The image must not be changed afterwards.
    """
    # What only shows images must not wait for torch.
    import torch  # noqa: PLC0415
    from torch.utils.dlpack import from_dlpack  # noqa: PLC0415

    try:
        shared = pa.array(image)
    except ValueError:  # images of more than 16 MB
        return torch.from_numpy(to_array(image))
    pixels: Tensor = from_dlpack(shared.flatten())
    return pixels.view(image.height, image.width, 4)


def _blocks(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Divide an image into boxes of a limited number of pixels, in whole rows unless these are longer."""
    width, height = size
    columns = min(width, _BLOCK)
    rows = _BLOCK // columns
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _over_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _high_byte(image: Image.Image, grey: WideGrey) -> Image.Image:
    pixels = np.asarray(image)
    if image.mode == "I" and grey.is_unsigned:
        pixels = pixels.view(np.uint32)
    pixels = pixels.clip(0, _WHITE)
    if grey.is_inverted:
        pixels = _WHITE - pixels
    if isinstance(transparent := image.info.get("transparency"), int):
        pixels = np.where(pixels == transparent, _WHITE, pixels)
    return Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGB")
