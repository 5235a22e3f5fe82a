"""Resizing of images to the sizes at which a backbone sees them."""

from collections.abc import Iterable

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from osrmac.descriptor.decoding.pixels import to_array

__all__ = ["image_pyramid", "resize", "scaled_size"]


def scaled_size(width: int, height: int, longest_side: int) -> tuple[int, int]:
    """Return width and height scaled so that the longer one is `longest_side`, keeping the aspect ratio.

    >>> scaled_size(1024, 768, 1050)
    (1050, 788)
    """
    factor = longest_side / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def resize(pixels: Tensor, longest_side: int) -> Tensor:
    """Resize images of one size, up or down, by antialiased bilinear interpolation.

    Args:
        pixels: uint8, (..., 3, H, W), on any device.
        longest_side: Length of the longest side of the result, in pixels.

    Returns:
        uint8, (..., 3, H', W'), with the same aspect ratio.
    """
    width, height = scaled_size(pixels.shape[-1], pixels.shape[-2], longest_side)
    resized: Tensor = transforms.resize(pixels, [height, width], antialias=True)
    return resized


def image_pyramid(image: Image.Image, image_sizes: Iterable[int]) -> list[Tensor]:
    """Resize an RGB image to several sizes, each directly from the image.

    Args:
        image: RGB image.
        image_sizes: Lengths of the longest sides, in pixels.

    Returns:
        Pixels at each size, uint8, (3, H_s, W_s).
    """
    pixels = torch.from_numpy(to_array(image)).permute(2, 0, 1)
    return [resize(pixels, longest_side) for longest_side in image_sizes]
