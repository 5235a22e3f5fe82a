"""Synthetic photographs of equal and of mixed shapes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.common import photograph
from benchmarks.device.settings import Settings

__all__ = ["equal", "make", "mixed_sizes"]

Size = tuple[int, int]
"""Width and height in pixels."""

DISTINCT = 20
_SHARES = {(4, 3): 0.35, (3, 2): 0.25, (3, 4): 0.15, (2, 3): 0.1, (1, 1): 0.05, (16, 9): 0.05}
"""Aspect ratios of a mixed collection; the remaining 5% have odd sizes."""


def make(sizes: Sequence[Size], threads: int, first_seed: int = 0) -> list[bytes]:
    """Make a distinct JPEG of each size."""
    seeds = range(first_seed, first_seed + len(sizes))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda seed, size: photograph(seed, *size), seeds, sizes))


def equal(settings: Settings) -> list[bytes]:
    """Twenty photographs of 1024x768, or as many smaller ones."""
    return make(settings.pick(DISTINCT, 4) * [settings.photograph], settings.threads)


def mixed_sizes(number: int, longest_side: int, seed: int = 0) -> list[Size]:
    """Sizes as in a mixed collection, in random order; 5% of them are odd."""
    rng = np.random.default_rng(seed)
    shares = np.array(list(_SHARES.values()))
    bounds = np.round(np.cumsum([0, *shares]) * number).astype(int)
    sizes = [
        (round(longest_side * width / max(width, height)), round(longest_side * height / max(width, height)))
        for (width, height), repeats in zip(_SHARES, np.diff(bounds), strict=True)
        for _ in range(repeats)
    ]
    odd = rng.integers(longest_side // 3, longest_side, (number - len(sizes), 2)).tolist()
    sizes += [(width, height) for width, height in odd]
    return [sizes[index] for index in rng.permutation(number)]
