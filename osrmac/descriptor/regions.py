"""Maxima over square regions: MAC, R-MAC and its approximate integral max-pooling (Tolias et al. 2016)."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional

from osrmac.types import Box

__all__ = [
    "LEVELS",
    "Region",
    "aggregate_regions",
    "mac",
    "region_boxes",
    "region_grid",
    "region_maxima",
    "region_power_means",
    "rmac",
]

Region = tuple[int, int, int]
"""Top, left and side of a square region, in cells of the feature map."""

LEVELS = 3
OVERLAP = Fraction(2, 5)
ALPHA = 10.0


def region_grid(height: int, width: int, levels: int = LEVELS) -> list[Region]:
    """Return the regions of R-MAC (Tolias et al. 2016, section 3.2; paper, section 3.1).

    Regions of level l have the side 2 min(H, W) / (l + 1). There are l of them along the shorter side of the map and l
    + m - 1 along the longer one, where m is the number of the largest squares whose overlap is nearest to 40%. At three
    levels, a square map has 14 regions and a map of 4:3 has 20.

    Args:
        height: Height of the map, at least 1.
        width: Width of the map, at least 1.
        levels: Number of levels, L in the paper.
    """
    shorter, longer = min(height, width), max(height, width)
    extra = _count_along_longer_side(shorter, longer) - 1
    regions = []
    for level in range(1, levels + 1):
        side = max(1, 2 * shorter // (level + 1))
        rows = level + (extra if height > width else 0)
        columns = level + (extra if width > height else 0)
        regions += [(top, left, side) for top in _starts(height, side, rows) for left in _starts(width, side, columns)]
    return regions


def _count_along_longer_side(shorter: int, longer: int) -> int:
    """Return the smallest number of squares along the longer side whose overlap is nearest to `OVERLAP`."""
    if shorter == longer:
        return 1
    upper_bound = 2 + longer // shorter * 2
    return min(range(2, upper_bound + 1), key=lambda count: abs(_overlap(shorter, longer, count) - OVERLAP))


def _overlap(side: int, length: int, count: int) -> Fraction:
    """Return the share by which `count` squares, spread evenly over `length`, overlap their neighbours."""
    return 1 - Fraction(length - side, (count - 1) * side)


def _starts(length: int, side: int, count: int) -> list[int]:
    """Return the starts of `count` intervals, spread evenly over `length` and rounded down."""
    return [index * (length - side) // max(1, count - 1) for index in range(count)]


def region_boxes(height: int, width: int, size: tuple[int, int]) -> list[Box]:
    """Return the boxes of an image that its R-MAC regions cover, in the order of `region_grid`.

    The cells of the map divide the image evenly, as they do in `fusion.early`. A network's padding shifts what a cell
    sees by up to half a cell, and its receptive field is larger than the cell.

    Args:
        height: Height of the map.
        width: Width of the map.
        size: Width and height of the image, in pixels.

    Returns:
        Left, top, right and bottom of each region, in whole pixels of the image.

    >>> region_boxes(2, 3, (600, 400))[:2]
    [(0, 0, 400, 400), (200, 0, 600, 400)]
    """
    across, down = size[0] / width, size[1] / height
    return [
        (round(left * across), round(top * down), round((left + side) * across), round((top + side) * down))
        for top, left, side in region_grid(height, width)
    ]


def mac(maps: Tensor) -> Tensor:
    """Pool feature maps by MAC, the L2-normalised maximum of each channel (paper, equation 1).

    Args:
        maps: Feature maps, (..., C, H, W).

    Returns:
        Vectors of unit L2 norm, (..., C).
    """
    return functional.normalize(maps.amax(dim=(-2, -1)), dim=-1)


def region_maxima(maps: Tensor, levels: int = LEVELS) -> Tensor:
    """Pool each region by MAC (paper, equation 2).

    Args:
        maps: Feature maps, (..., C, H, W).
        levels: Number of levels of regions.

    Returns:
        Vectors of unit L2 norm, (..., R, C), in the order of `region_grid`.
    """
    height, width = maps.shape[-2:]
    maxima = [
        maps[..., top : top + side, left : left + side].amax(dim=(-2, -1))
        for top, left, side in region_grid(height, width, levels)
    ]
    return functional.normalize(torch.stack(maxima, dim=-2), dim=-1)


def region_power_means(maps: Tensor, alpha: float = ALPHA) -> Tensor:
    """Pool each region by an approximate maximum, (sum of x^alpha)^(1/alpha) (Tolias et al. 2016, section 4).

    Tolias et al. read the sums off an integral image. Here they are computed from logarithms, so that no power
    overflows or vanishes. Negative activations count as zero.

    Args:
        maps: Feature maps, (..., C, H, W).
        alpha: Exponent; the result approaches the maximum as it grows.

    Returns:
        Vectors of unit L2 norm, (..., R, C), in the order of `region_grid`.
    """
    log_powers = maps.clamp(min=0).log() * alpha
    log_sums = [
        log_powers[..., top : top + side, left : left + side].logsumexp(dim=(-2, -1))
        for top, left, side in region_grid(*maps.shape[-2:])
    ]
    return functional.normalize((torch.stack(log_sums, dim=-2) / alpha).exp(), dim=-1)


def aggregate_regions(regions: Tensor) -> Tensor:
    """Sum the vectors of regions, (..., R, C), and L2-normalise the sum, (..., C)."""
    return functional.normalize(regions.sum(dim=-2), dim=-1)


def rmac(maps: Tensor, levels: int = LEVELS) -> Tensor:
    """Pool feature maps by R-MAC with exact maxima, without whitening (Tolias et al. 2016).

    Args:
        maps: Feature maps, (..., C, H, W).
        levels: Number of levels of regions.

    Returns:
        Vectors of unit L2 norm, (..., C).
    """
    return aggregate_regions(region_maxima(maps, levels))
