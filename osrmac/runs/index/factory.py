"""The kind and the size of an index, by the number of images."""

from __future__ import annotations

import math

__all__ = ["index_factory", "sample_size"]

_COMPRESSED = 20_000
"""Number of images from which vectors are compressed; it suffices to train 256 centroids of a product quantizer."""

_CELLS = 4.0
"""Number of cells, relative to the square root of the number of images."""

_SAMPLE = 50
"""Vectors that a centroid is trained on; FAISS asks for 39 at least."""

_SUBSPACE = 4
"""Dimensions of a subspace of the product quantizer, which become a byte."""


def index_factory(images: int, dimension: int) -> str:
    """Return the kind of index for a number of images, in the notation of FAISS's `index_factory`.

    The images are in the cells of their nearest centroids (an inverted file). Those of large runs are found through a
    graph of the centroids, and compressed by a product quantizer (Jegou et al. 2011) after a rotation (OPQ, Ge et al.
    2013).

    Args:
        images: Number of described images.
        dimension: Length of their vectors.

    >>> index_factory(1_000, 348), index_factory(10_000_000, 348)
    ('IVF16,Flat', 'OPQ87_348,IVF8192_HNSW32,PQ87')
    """
    cells = _cells(images)
    if images < _COMPRESSED:
        return f"IVF{cells},Flat"
    codes = max(1, dimension // _SUBSPACE)
    rotated = min(dimension, codes * _SUBSPACE)
    return f"OPQ{codes}_{rotated},IVF{cells}_HNSW32,PQ{codes}"


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
