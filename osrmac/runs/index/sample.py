"""The images that an index is trained on: a random sample, drawn from a part of the shards where that suffices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_sample"]

_READ = 4
"""Number of images in the shards that are read, relative to the size of the sample. As a shard may hold similar images,
a sample is not all images of few shards."""


def draw_sample(rows: Sequence[int], size: int, seed: int) -> dict[int, NDArray[np.int64]]:
    """Draw images at random, without replacement, from shards that have some times as many together.

    Args:
        rows: Number of images in each shard.
        size: Number of images to draw; at most that of all images.
        seed: Seed of the random generator.

    Returns:
        For the position of each shard to read, in ascending order, the sorted rows that are drawn in it.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    sizes = np.asarray(rows, np.int64)
    enough = int(np.searchsorted(np.cumsum(sizes[order]), min(_READ * size, sizes.sum()))) + 1
    read = np.sort(order[:enough])
    ends = np.cumsum(sizes[read])
    drawn = np.sort(rng.choice(int(ends[-1]), size, replace=False))
    pieces = np.split(drawn, np.searchsorted(drawn, ends[:-1]))
    starts = ends - sizes[read]
    found = zip(read.tolist(), pieces, starts, strict=True)
    return {shard: piece - start for shard, piece, start in found if len(piece)}
