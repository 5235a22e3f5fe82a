"""Pooling of feature maps to vectors: OS-RMAC, the paper's, and generalised means (GeM, SuperGlobal)."""

import torch
from torch import Tensor
from torch.nn import functional

from osrmac.descriptor.memory_format import to_nchw

__all__ = ["GEM_POWER", "LEVELS", "gem", "osrmac", "regional_gem", "superglobal", "window_and_stride"]

LEVELS = 3
"""Window sizes L of the paper, from the largest windows, level 1, to the smallest."""

GEM_POWER = 3.0
"""Exponent of GeM: the mean at 1, and ever nearer to the maximum as it grows."""

_SUPERGLOBAL_POWER = 4.6
_REGIONAL_POWER = 2.5
_REGIONAL_SIDE = 5

_LEAST = 1e-6
"""Smaller activations, negative ones too, count as this, as powers need positive numbers."""


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
    batch = to_nchw(maps).contiguous(memory_format=torch.channels_last)
    total = batch.new_zeros(batch.shape[:2])
    for level in range(1, levels + 1):
        side, stride = window_and_stride(min(height, width), level)
        of_rows = functional.max_pool2d(batch, (1, side), (1, stride))  # the same maxima, by fewer comparisons
        maxima = functional.max_pool2d(of_rows, (side, 1), (stride, 1))
        total = total + _root(maxima.square().sum(dim=(-2, -1)))
    return functional.normalize(total.view(maps.shape[:-2]), dim=-1)


def _root(squares: Tensor) -> Tensor:
    """Return the square root, with a gradient of zero at zero, where that of `sqrt` is infinite."""
    is_zero = squares == 0
    return squares.masked_fill(is_zero, 1).sqrt().masked_fill(is_zero, 0)


def gem(maps: Tensor, power: float = GEM_POWER) -> Tensor:
    """Pool feature maps by generalised means, GeM (Radenovic et al. 2019, equation 3).

    Each channel gives (mean of x^p)^(1/p) over its positions, where x is at least 1e-6. The vector is L2-normalised.

    Args:
        maps: Feature maps, floating point, (..., C, H, W) with H, W >= 1.
        power: Exponent p, above 0.

    Returns:
        Vectors of unit L2 norm, (..., C), of the same dtype; equal components for a map without positive values.
    """
    means = maps.clamp(min=_LEAST).pow(power).mean(dim=(-2, -1)).pow(1 / power)
    return functional.normalize(means, dim=-1)


def regional_gem(maps: Tensor, power: float = _REGIONAL_POWER, side: int = _REGIONAL_SIDE) -> Tensor:
    """Average each position with the generalised mean of its neighbourhood (Shao et al. 2023, regional GeM).

    `0.5 * (mean of x^p over side x side positions)^(1/p) + 0.5 * x`, where x is at least 1e-6. As in the code of the
    authors, the power means are `LPPool2d` with a stride of 1, divided by `(side * side)^(1/p)`, and maps are
    reflected at their edges. The edges of maps that are too short for that are repeated.

    Args:
        maps: Feature maps, floating point, (..., C, H, W) with H, W >= 1.
        power: Exponent p, above 0.
        side: Side of the neighbourhood, odd.

    Returns:
        Feature maps of the same shape and dtype.
    """
    batch = to_nchw(maps).clamp(min=_LEAST)
    margin = side // 2
    edges = "reflect" if min(maps.shape[-2:]) > margin else "replicate"
    padded = functional.pad(batch, [margin] * 4, mode=edges)
    means = functional.avg_pool2d(padded.pow(power), side, stride=1).pow(1 / power)
    return ((means + batch) / 2).view(maps.shape)


def superglobal(maps: Tensor) -> Tensor:
    """Pool feature maps as SuperGlobal does: regional GeM, then GeM with an exponent of 4.6 (Shao et al. 2023).

    The authors fine-tuned a network that projects such vectors by a linear layer, and raised small activations within
    it (ReLUP); neither is part of the pooling.

    Args:
        maps: Feature maps, floating point, (..., C, H, W) with H, W >= 1.

    Returns:
        Vectors of unit L2 norm, (..., C), of the same dtype.
    """
    return gem(regional_gem(maps), _SUPERGLOBAL_POWER)
