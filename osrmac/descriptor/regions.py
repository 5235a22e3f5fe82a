"""Maxima over square regions: MAC, R-MAC and its approximate integral max-pooling (Tolias et al. 2016)."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Region", "grid", "mac", "power_means", "region_maxima", "rmac", "rmac_of"]

Region = tuple[int, int, int]
"""Top, left and side, in cells."""

LEVELS = 3
OVERLAP = Fraction(2, 5)
ALPHA = 10.0


def grid(height: int, width: int, levels: int = LEVELS) -> list[Region]:
    """The regions of R-MAC (Tolias et al. 2016, section 3.2; paper, section 3.1).

    At level l they have the side 2 min(H, W) / (l + 1). Along the shorter side stand l of them,
    along the longer l + m - 1, where m is the number that makes the largest squares overlap
    as nearly by 40% as possible. A square map has 14 regions at three levels, one of 4:3 has 20.

    Args:
        height: Of the map, at least 1.
        width: Likewise.
        levels: L, the number of levels.
    """
    shorter, longer = min(height, width), max(height, width)
    extra = _along_longer_side(shorter, longer) - 1
    regions = []
    for level in range(1, levels + 1):
        side = max(1, 2 * shorter // (level + 1))
        rows = level + (extra if height > width else 0)
        columns = level + (extra if width > height else 0)
        regions += [(top, left, side) for top in _spread(height, side, rows) for left in _spread(width, side, columns)]
    return regions


def _along_longer_side(shorter: int, longer: int) -> int:
    """How many of the largest squares stand along the longer side: the fewest of those whose overlap is nearest."""
    if shorter == longer:
        return 1
    most = 2 + longer // shorter * 2
    return min(range(2, most + 1), key=lambda squares: abs(_overlap(shorter, longer, squares) - OVERLAP))


def _overlap(side: int, length: int, squares: int) -> Fraction:
    return 1 - Fraction(length - side, (squares - 1) * side)


def _spread(length: int, side: int, count: int) -> list[int]:
    """Whole positions of so many intervals of one side, spread evenly from end to end."""
    return [index * (length - side) // max(1, count - 1) for index in range(count)]


def mac(maps: Tensor) -> Tensor:
    """Maximum activations of convolutions (paper, equation 1), L2-normalised: (..., C, H, W) -> (..., C)."""
    return functional.normalize(maps.amax(dim=(-2, -1)), dim=-1)


def region_maxima(maps: Tensor) -> Tensor:
    """The maximum of each region (paper, equation 2), each L2-normalised: (..., C, H, W) -> (..., R, C)."""
    regions = grid(*maps.shape[-2:])
    maxima = [maps[..., top : top + side, left : left + side].amax(dim=(-2, -1)) for top, left, side in regions]
    return functional.normalize(torch.stack(maxima, dim=-2), dim=-1)


def power_means(maps: Tensor, alpha: float = ALPHA) -> Tensor:
    """The approximate maximum of each region, (sum of x^alpha)^(1/alpha), L2-normalised: (..., C, H, W) -> (..., R, C).

    This is what Tolias et al. read off an integral image; the sums here are taken directly and in
    logarithms, so that no power overflows or vanishes. Negative activations count as zero.
    """
    powers = maps.clamp(min=0).log() * alpha
    sums = [
        powers[..., top : top + side, left : left + side].logsumexp(dim=(-2, -1))
        for top, left, side in grid(*maps.shape[-2:])
    ]
    return functional.normalize((torch.stack(sums, dim=-2) / alpha).exp(), dim=-1)


def rmac_of(regions: Tensor) -> Tensor:
    """The sum of unit region vectors, L2-normalised: (..., R, C) -> (..., C)."""
    return functional.normalize(regions.sum(dim=-2), dim=-1)


def rmac(maps: Tensor) -> Tensor:
    """R-MAC with exact maxima, before any whitening: (..., C, H, W) -> (..., C)."""
    return rmac_of(region_maxima(maps))
