"""Overlapping square-sum R-MAC (OS-RMAC), the paper's pooling of a feature map to a vector."""

from torch import Tensor
from torch.nn import functional

from osrmac.descriptor.memory_format import to_nchw

__all__ = ["LEVELS", "osrmac", "window_and_stride"]

LEVELS = 3
"""Window sizes L of the paper, from the largest windows, level 1, to the smallest."""


def window_and_stride(shorter_side: int, level: int) -> tuple[int, int]:
    """Return the side and the stride of the square pooling windows of a level (Algorithm 1, lines 19 and 20).

    Neighbouring windows overlap by 60%. The arithmetic is exact: no rounding error of floats moves a window.

    Args:
        shorter_side: Smaller one of the map's height and width, at least 1.
        level: Level of the windows, from 1.

    >>> [window_and_stride(25, level) for level in (1, 2, 3)]
    [(25, 10), (17, 6), (13, 5)]
    """
    side = max(1, -(-2 * shorter_side // (level + 1)))
    stride = max(1, 2 * side // 5)
    return side, stride


def osrmac(maps: Tensor, levels: int = LEVELS) -> Tensor:
    """Pool feature maps by OS-RMAC (Algorithm 1, procedure OSRMAC).

    At each level, the maxima over sliding windows are combined to the square root of the sum of their squares. The sum
    over the levels is L2-normalised.

    Args:
        maps: Feature maps, floating point, (..., C, H, W) with H, W >= 1. A negative maximum counts like a positive
            one.
        levels: Number of window sizes.

    Returns:
        Vectors of unit L2 norm, (..., C), of the same dtype; zeros for a map of zeros.
    """
    height, width = maps.shape[-2:]
    batch = to_nchw(maps)
    total = batch.new_zeros(batch.shape[:2])
    for level in range(1, levels + 1):
        side, stride = window_and_stride(min(height, width), level)
        maxima = functional.max_pool2d(batch, side, stride)
        total = total + _root(maxima.square().sum(dim=(-2, -1)))
    return functional.normalize(total.view(maps.shape[:-2]), dim=-1)


def _root(squares: Tensor) -> Tensor:
    """Return the square root, with a gradient of zero at zero, where that of `sqrt` is infinite."""
    is_zero = squares == 0
    return squares.masked_fill(is_zero, 1).sqrt().masked_fill(is_zero, 0)
