"""How near two images must be to be nearly the same picture, judged by how far images usually are from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance

__all__ = ["suggest"]

_RANGE = (1 / 6, 1 / 3)
"""Of the median distance of two images. A copy that was compressed or scaled lies below, another photo above."""


def suggest(nearest: NDArray[np.float32], typical: float, distance: Distance) -> float:
    """The middle of the widest gap that the distances to nearest neighbours leave around a quarter of the median.

    That is the valley of their histogram between copies and mere likenesses, if there is one; without images in that
    range it is its middle.

    Args:
        nearest: Distance of some images to the nearest other, (n,).
        typical: Median distance of two images.
        distance: What these are. The cosine one grows with the square of an angle, so its root is looked at.
    """
    if distance == "cosine":
        return suggest(np.sqrt(nearest), float(np.sqrt(typical)), "l2") ** 2
    if typical <= 0:
        return 0.0
    low, high = (share * typical for share in _RANGE)
    marks = np.log(np.sort([low, *nearest[(nearest > low) & (nearest < high)], high]))
    widest = np.argmax(np.diff(marks))
    return float(np.exp(marks[widest : widest + 2].mean()))
