"""The kind and the size of an index, by the number of images."""

from __future__ import annotations

import math

__all__ = ["index_factory", "sample_size"]

_COMPRESSED = 20_000
"""Number of images from which vectors are compressed; the memory for those of fewer is of no account."""

_GRAPH = 16_384
"""Number of cells from which the nearest are found through a graph: with fewer, comparing all is faster and exact."""

_CELLS = 4.0
"""Number of cells, relative to the square root of the number of images."""

_SAMPLE = 50
"""Vectors that a centroid is trained on; FAISS asks for 39 at least."""


def index_factory(images: int) -> str:
    """Return the kind of index for a number of images, in the notation of FAISS's `index_factory`.

    The images are in the cells of their nearest centroids (an inverted file). Vectors of large runs are compressed to
    one bit for each number by RaBitQ (Gao and Long 2024), which needs no training, and very many cells are found
    through a graph of the centroids. `python -m benchmarks.index RUN --kinds` compares this with other kinds of index.

    Args:
        images: Number of described images.

    >>> index_factory(1_000), index_factory(10_000_000)
    ('IVF16,Flat', 'IVF8192,RaBitQ')
    """
    cells = _cells(images)
    if images < _COMPRESSED:
        return f"IVF{cells},Flat"
    return f"IVF{cells}_HNSW32,RaBitQ" if cells >= _GRAPH else f"IVF{cells},RaBitQ"


def sample_size(images: int) -> int:
    """Return the number of vectors to train an index for a number of images on.

    >>> sample_size(1_000), sample_size(10_000_000)
    (1000, 409600)
    """
    return min(images, max(_COMPRESSED, _SAMPLE * _cells(images)))


def _cells(images: int) -> int:
    """Return the number of cells, a power of two."""
    wanted = min(_CELLS * math.sqrt(images), images / _SAMPLE)
    return 2 ** max(0, math.floor(math.log2(max(1, wanted))))
