"""Independent NumPy implementations of pooling and fusion, as references for tests."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from osrmac.descriptor.regions import region_grid

Array = NDArray[np.floating[Any]]


def unit(vector: Array) -> Array:
    norm: Array = np.sqrt((vector * vector).sum())
    return vector / norm


def osrmac(maps: Array) -> Array:
    total = np.zeros(len(maps), maps.dtype)
    for level in (1, 2, 3):
        side = max(1, math.ceil(2 * min(maps.shape[1:]) / (level + 1)))
        stride = max(1, math.floor(0.4 * side))
        windows = sliding_window_view(maps, (side, side), axis=(1, 2))[:, ::stride, ::stride]
        total += np.sqrt((windows.max(axis=(3, 4)) ** 2).sum(axis=(1, 2)))
    return unit(total)


def regions(maps: Array) -> list[Array]:
    height, width = maps.shape[1:]
    return [maps[:, top : top + side, left : left + side] for top, left, side in region_grid(height, width)]


def mac(maps: Array) -> Array:
    return unit(maps.max(axis=(1, 2)))


def rmac(maps: Array) -> Array:
    return unit(np.sum([mac(region) for region in regions(maps)], axis=0))


def rmac_integral(maps: Array) -> Array:
    means = [(region.astype(float) ** 10).sum(axis=(1, 2)) ** 0.1 for region in regions(maps)]
    return unit(np.sum([unit(mean) for mean in means], axis=0))


def rmac_regions(maps: Array) -> Array:
    return np.stack([mac(region) for region in regions(maps)])


def gem(maps: Array, power: float) -> Array:
    return unit((np.maximum(maps, 1e-6).astype(float) ** power).mean(axis=(1, 2)) ** (1 / power))


def regional_gem(maps: Array) -> Array:
    positive = np.maximum(maps, 1e-6).astype(float)
    mode: Any = "reflect" if min(maps.shape[1:]) > 2 else "edge"
    padded = np.pad(positive, ((0, 0), (2, 2), (2, 2)), mode)
    windows = sliding_window_view(padded, (5, 5), axis=(1, 2))
    return np.asarray(0.5 * (windows**2.5).mean(axis=(3, 4)) ** 0.4 + 0.5 * positive)


def superglobal(maps: Array) -> Array:
    return gem(regional_gem(maps), 4.6)


def maximum(vectors: Sequence[Array]) -> Array:
    return unit(np.max([unit(vector) for vector in vectors], axis=0))


def late(vectors: Sequence[Array]) -> Array:
    return unit(np.sum([unit(vector) for vector in vectors], axis=0))


def osrmac_local(fused: Sequence[Array], weight: Array, bias: Array, sizes: int) -> Array:
    """OS-RMAC of the masked maps of two layers, given their early fusion over a number of image sizes."""
    last, previous = fused
    best = np.argmax(weight @ last.mean(axis=(1, 2)) / sizes + bias)
    heat = np.tensordot(weight[best], last, axes=1)
    mask = heat > 0.9 * heat.mean()
    # The cell of the coarser map that contains the centre of each cell of the finer map.
    rows, columns = (
        (2 * np.arange(fine) + 1) * coarse // (2 * fine)
        for fine, coarse in zip(previous.shape[1:], mask.shape, strict=True)
    )
    return np.concatenate([osrmac(last * mask), osrmac(previous * mask[np.ix_(rows, columns)])])
