"""Difference of two pictures, pixel by pixel, after one has been aligned with the other: see `picture_agreement`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osrmac.retrieval.picture_agreement import SIDE, align, shrink, to_tensor, warp

__all__ = ["AMPLIFICATION", "picture_difference"]

AMPLIFICATION = 4
"""Factor of the differences, which are slight between two copies."""


def picture_difference(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the absolute difference of two grey pictures as a picture, (height, width, 3): black where they are equal.

    Brightness and contrast of the right picture are matched with those of the left one first, so that what remains is
    what was drawn, retouched or blurred. What lies outside of the right picture, cropped away, is blue.

    Args:
        left: First picture, (height, width).
        right: Second picture, of any size.

    Returns:
        The difference, amplified; None if the pictures do not align.
    """
    with torch.inference_mode():
        first, second = to_tensor(left[None]), to_tensor(right[None])
        warps = align(shrink(first, SIDE), shrink(second, SIDE))
        if warps is None:
            return None
        second = torch.nn.functional.interpolate(second, left.shape, mode="bilinear", antialias=True)
        warped, inside = warp(second, warps)
        difference = AMPLIFICATION * (first - _matched(warped, first, inside > 0)).abs()
        grey = (255 * difference.clamp(max=1)).byte()[0, 0].numpy()
        shown = np.stack([grey] * 3, 2)
        shown[inside[0, 0].numpy() == 0] = _OUTSIDE
        return shown


_OUTSIDE = (40, 70, 140)


def _matched(picture: Tensor, target: Tensor, inside: Tensor) -> Tensor:
    """Return a picture with the mean and the contrast of another one inside a mask."""
    mean, deviation = picture[inside].mean(), picture[inside].std()
    return (picture - mean) * (target[inside].std() / (deviation + 1e-6)) + target[inside].mean()
