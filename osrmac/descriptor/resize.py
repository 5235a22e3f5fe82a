"""Resizing of images to the sizes at which a backbone sees them."""

from collections.abc import Iterable

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from osrmac.descriptor.decoding.pixels import to_array

__all__ = ["image_pyramid", "resize", "scaled_size"]


def scaled_size(width: int, height: int, longest_side: int, multiple: int = 1) -> tuple[int, int]:
    """Return width and height scaled so that the longer one is `longest_side`, keeping the aspect ratio.

    Both are rounded to the nearest multiple of a number of pixels, at least one of it.

    >>> scaled_size(1024, 768, 1050)
    (1050, 788)
    >>> scaled_size(1024, 768, 1050, multiple=16)
    (1056, 784)
    """
    factor = longest_side / max(width, height)
    return _rounded(width * factor, multiple), _rounded(height * factor, multiple)


def _rounded(length: float, multiple: int) -> int:
    return multiple * max(1, round(length / multiple))


def resize(pixels: Tensor, longest_side: int, multiple: int = 1) -> Tensor:
    """Resize images of one size, up or down, by antialiased bilinear interpolation.

    Args:
        pixels: uint8, (..., 3, H, W), on any device.
        longest_side: Length of the longest side of the result, in pixels.
        multiple: Number of pixels to whose multiples both sides are rounded.

    Returns:
        uint8, (..., 3, H', W'), with the same aspect ratio up to rounding.
    """
    width, height = scaled_size(pixels.shape[-1], pixels.shape[-2], longest_side, multiple)
    resized: Tensor = transforms.resize(pixels, [height, width], antialias=True)
    return resized


def image_pyramid(image: Image.Image, image_sizes: Iterable[int], multiple: int = 1) -> list[Tensor]:
    """Resize an RGB image to several sizes, each directly from the image.

    Args:
        image: RGB image.
        image_sizes: Lengths of the longest sides, in pixels.
        multiple: Number of pixels to whose multiples all sides are rounded.

    Returns:
        Pixels at each size, uint8, (3, H_s, W_s).
    """
    pixels = torch.from_numpy(to_array(image)).permute(2, 0, 1)
    return [resize(pixels, longest_side, multiple) for longest_side in image_sizes]
