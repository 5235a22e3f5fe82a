"""Agreement of two pictures, pixel by pixel, after one has been aligned with the other.

The alignment follows Lucas and Kanade (1981) with an affine warp, a gain and an offset: Gauss-Newton steps from coarse
to fine, with weights that fall with the residual. Copies agree nearly everywhere, even where they were cropped, scaled,
bordered, turned by a few degrees, recompressed or converted to grey. Two shots of one scene do not: things at different
distances move differently.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from osrmac.types import Matrix

__all__ = ["SIDE", "agreements", "align", "shrink", "to_tensor", "warp"]

SIDE = 192
"""Height and width of the thumbnails that are compared, whatever the shape of the pictures."""

_PAIRS = 64
"""Pairs aligned at once."""

_ZOOMS = (1.0, 1.19, 0.84)
"""Zooms that an alignment starts from: those of the entire picture, of a border and of a crop."""

_LEVELS = ((24, 8, 0.4), (48, 5, 0.6), (96, 4, 0.8), (SIDE, 2, 0.0))
"""Sides of the thumbnails, from coarse to fine; the steps at each; the correlation that it takes to go on."""

_LARGEST_STEP = 0.2
_MIN_OVERLAP = 0.4
_MAX_TURN = 0.2
"""Largest sine of an angle by which an axis may turn: more is another shot, taken from another side."""

_MAX_ZOOM = 2.0
_WINDOW, _STRIDE = 13, 4
"""Windows whose pixels are correlated, in pixels of the finest thumbnails."""

_DISTURBED = 0.2
"""Share of a picture, weighted by its contrast, that may disagree: a watermark."""

_NOISE = 2e-4
"""Variance of the pixels, from 0 to 1, below which a window shows noise only."""


def agreements(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Matrix:
    """Return how well pairs of pictures agree, float32, (m,): 1 for equal pictures, 0 for those that do not align.

    The correlation of the pixels is taken in small windows; a fifth of the picture, weighted by contrast, is allowed to
    disagree, and the least correlation in the rest counts. Mirrored pictures are aligned, too.

    Args:
        left: Grey thumbnails of the first picture of each pair, (m, SIDE, SIDE).
        right: Grey thumbnails of the second picture of each pair, (m, SIDE, SIDE).
    """
    found = np.zeros(len(left), np.float32)
    with torch.inference_mode():
        for start in range(0, len(left), _PAIRS):
            rows = slice(start, start + _PAIRS)
            found[rows] = _agreements(to_tensor(left[rows]), to_tensor(right[rows])).numpy()
    return found


def to_tensor(thumbnails: NDArray[np.uint8]) -> Tensor:
    """Return grey pictures, (m, height, width), as numbers from 0 to 1, (m, 1, height, width)."""
    return torch.tensor(thumbnails, dtype=torch.float32)[:, None] / 255


def align(left: Tensor, right: Tensor) -> Tensor | None:
    """Return the affine warp that aligns a picture with another one, (1, 2, 3), for `warp`; None if they do not align.

    Args:
        left: Grey thumbnail of the one picture, (1, 1, SIDE, SIDE).
        right: Grey thumbnail of the picture to align, (1, 1, SIDE, SIDE).
    """
    warps = torch.empty(0)
    for number, (side, steps, least) in enumerate(_LEVELS):
        small = shrink(left, side), shrink(right, side)
        warps = _aligned(*small, warps, steps) if number else _first_warps(*small, steps)
        warped, inside = warp(small[1], warps)
        if _correlation(small[0], warped, inside) < least:
            return None
    return warps if _is_plausible(warps, inside).all() else None


def _agreements(left: Tensor, right: Tensor) -> Tensor:
    found = torch.zeros(len(left))
    pairs = torch.arange(len(left))
    warps = torch.empty(0)
    for number, (side, steps, least) in enumerate(_LEVELS):
        small = shrink(left[pairs], side), shrink(right[pairs], side)
        warps = _aligned(*small, warps, steps) if number else _first_warps(*small, steps)
        warped, inside = warp(small[1], warps)
        alike = _correlation(small[0], warped, inside) >= least
        pairs, warps = pairs[alike], warps[alike]
        if not len(pairs):
            return found
    score = _window_agreement(small[0], warped, inside)[alike]
    found[pairs] = torch.where(_is_plausible(warps, inside[alike]), score, 0.0).clamp(min=0)
    return found


def _first_warps(left: Tensor, right: Tensor, steps: int) -> Tensor:
    """Return the best affine warp from any start, (m, 2, 3)."""
    best, warps = torch.full((len(left),), -torch.inf), torch.zeros(len(left), 2, 3)
    for start in _starts():
        tried = _aligned(left, right, start.expand(len(left), 2, 3), steps)
        correlation = _correlation(left, *warp(right, tried))
        better = correlation > best
        best, warps = torch.where(better, correlation, best), torch.where(better[:, None, None], tried, warps)
    return warps


def _starts() -> Iterator[Tensor]:
    for mirror in (1.0, -1.0):
        for zoom in _ZOOMS:
            yield torch.tensor([[zoom * mirror, 0.0, 0.0], [0.0, zoom, 0.0]])


def shrink(pictures: Tensor, side: int) -> Tensor:
    """Return the means of areas of pictures, (m, c, side, side)."""
    return F.interpolate(pictures, (side, side), mode="area")


def _aligned(left: Tensor, right: Tensor, warps: Tensor, steps: int) -> Tensor:
    """Improve affine warps of the right pictures, (m, 2, 3), by some Gauss-Newton steps."""
    side = left.shape[-1]
    coordinates = (torch.arange(side) + 0.5) * 2 / side - 1
    y, x = torch.meshgrid(coordinates, coordinates, indexing="ij")
    slopes = torch.cat(_slopes(right), 1) * side / 2
    for _ in range(steps):
        both, inside = warp(torch.cat([right, slopes], 1), warps)
        warped, across, down = torch.split(both, 1, 1)
        target, warped = _centred(left, inside), _centred(warped, inside)
        gain = (_total(warped * target) / (_total(warped**2) + 1e-6)).clamp(0.2, 5)
        residual = target - gain * warped
        spread = 1.4826 * residual.abs().flatten(1).median(1).values.view(-1, 1, 1, 1) + 1e-3
        weights = (inside / (1 + (residual / (2 * spread)) ** 2)).flatten(2)
        motion = torch.cat([across * x, across * y, across, down * x, down * y, down], 1) * gain
        jacobian = torch.cat([motion, warped, inside], 1).flatten(2)
        weighted = jacobian * weights
        normal = weighted @ jacobian.transpose(1, 2)
        damped = normal + torch.diag_embed(1e-3 * normal.diagonal(dim1=1, dim2=2) + 1e-4)
        step = torch.linalg.solve(damped, weighted @ residual.flatten(2).transpose(1, 2))
        warps = warps + step[:, :6].reshape(-1, 2, 3).clamp(-_LARGEST_STEP, _LARGEST_STEP)
    return warps


def _slopes(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return the differences of neighbouring pixels, across and down, each (m, 1, s, s)."""
    across = F.pad((pictures[..., 2:] - pictures[..., :-2]) / 2, (1, 1, 0, 0))
    down = F.pad((pictures[..., 2:, :] - pictures[..., :-2, :]) / 2, (0, 0, 1, 1))
    return across, down


def warp(pictures: Tensor, warps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the warped pictures, (m, c, s, s), and where they lie inside the frame, 0 or 1, (m, 1, s, s)."""
    grid = F.affine_grid(warps, list(pictures.shape), align_corners=False)
    inside = (grid.abs() <= 1).all(-1).float()[:, None]
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False), inside


def _total(values: Tensor) -> Tensor:
    return values.sum((1, 2, 3), keepdim=True)


def _centred(pictures: Tensor, inside: Tensor) -> Tensor:
    """Subtract the mean of the pixels inside the frame, and set the others to zero."""
    return (pictures - _total(pictures * inside) / (_total(inside) + 1e-6)) * inside


def _correlation(left: Tensor, warped: Tensor, inside: Tensor) -> Tensor:
    """Return the correlation of the pixels inside the frame, (m,); -1 where too few are."""
    left, warped = _centred(left, inside), _centred(warped, inside)
    product = _total(left * warped) / ((_total(left**2) * _total(warped**2)).sqrt() + 1e-6)
    enough = inside.mean((1, 2, 3), keepdim=True) >= _MIN_OVERLAP
    return torch.where(enough, product, -1.0).flatten().nan_to_num(-1)


def _is_plausible(warps: Tensor, inside: Tensor) -> Tensor:
    """Return whether an edit may have made a warp, (m,)."""
    turn = torch.maximum(warps[:, 0, 1].abs(), warps[:, 1, 0].abs())
    zooms = torch.stack([warps[:, 0, 0].abs(), warps[:, 1, 1]])
    zoomed = (zooms.amax(0) <= _MAX_ZOOM) & (zooms.amin(0) >= 1 / _MAX_ZOOM)
    return (turn <= _MAX_TURN) & zoomed & (inside.mean((1, 2, 3)) >= _MIN_OVERLAP)


def _window_agreement(left: Tensor, warped: Tensor, inside: Tensor) -> Tensor:
    """Return the quantile of the windows' correlations that a share of the picture stays below, (m,)."""
    mean_left, mean_warped = _means(left), _means(warped)
    covariance = _means(left * warped) - mean_left * mean_warped
    deviations = [
        (_means(p**2) - mean**2).clamp(min=0).sqrt() for p, mean in ((left, mean_left), (warped, mean_warped))
    ]
    contrast = deviations[0] * deviations[1]
    correlations, order = ((covariance + _NOISE) / (contrast + _NOISE)).sort(1)
    weights = ((_means(inside) > 0.95) * contrast.sqrt()).gather(1, order).cumsum(1)
    below = (weights < _DISTURBED * weights[:, -1:]).sum(1, keepdim=True)
    return correlations.gather(1, below).flatten()


def _means(pictures: Tensor) -> Tensor:
    """Return the mean of each window, (m, windows)."""
    return F.avg_pool2d(pictures, _WINDOW, _STRIDE).flatten(1)
