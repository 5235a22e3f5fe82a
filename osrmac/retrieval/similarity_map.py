"""A map of images in two dimensions, on which similar images are near each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from osrmac.types import Matrix

__all__ = ["PERPLEXITY", "map_neighbours", "place", "similarity_map"]

PERPLEXITY = 30
"""Effective number of neighbours that an image is kept near to, where there are three times as many."""

_SPREAD = 1e-4
"""Standard deviation of the first coordinate at the beginning, as of the implementation of t-SNE."""

_SEED = 0

_PARALLEL = 4000
"""Images from which on several threads pay. The steps of fewer take milliseconds each, and on a busy machine the
threads would wait for each other at the end of every one; the map is the same."""


def map_neighbours(images: int) -> int:
    """Return how many nearest images of each, itself included, the map of a number of images depends on."""
    return min(images, int(3 * _perplexity(images)) + 2)


def _perplexity(images: int) -> float:
    return min(PERPLEXITY, (images - 1) / 3)


def similarity_map(vectors: Matrix, nearest: NDArray[np.int64], distances: Matrix) -> Matrix:
    """Return the positions of images by t-SNE (van der Maaten and Hinton 2008; Barnes-Hut, van der Maaten 2014).

    It begins with the two principal components, which keeps the coarse structure (Kobak and Berens 2019), and has a
    fixed seed: equal arguments give equal maps.

    Args:
        vectors: Vectors of n images, (n, d).
        nearest: Positions of each image's `map_neighbours(n)` nearest images, itself among them, (n, k).
        distances: Distances to these, (n, k).

    Returns:
        Positions within 0..1, float32, (n, 2); the longer side of the map is from 0 to 1.
    """
    count, neighbours = nearest.shape
    if count < 3:  # t-SNE has nothing to decide
        return np.linspace(0, 1, count + 2, dtype=np.float32)[1:-1, None].repeat(2, axis=1)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    starts = np.arange(0, count * neighbours + 1, neighbours)
    graph = csr_matrix((distances.ravel(), nearest.ravel(), starts), shape=(count, count))
    model = TSNE(
        perplexity=_perplexity(count), metric="precomputed", init=_principal_components(vectors), random_state=_SEED
    )
    with threadpool_limits(1 if count < _PARALLEL else None, user_api="openmp"):
        return _scaled(model.fit_transform(graph))


def _principal_components(vectors: Matrix) -> Matrix:
    """Return the first two principal components of vectors, (n, 2), scaled to the spread with which t-SNE begins."""
    from sklearn.utils.extmath import randomized_svd

    left, values, _ = randomized_svd(vectors - vectors.mean(axis=0), 2, random_state=_SEED)
    components = np.zeros((len(vectors), 2), np.float32)
    components[:, : len(values)] = left * values
    spread = components[:, 0].std()
    return components * np.float32(_SPREAD / spread) if spread > 0 else components


def _scaled(positions: Matrix) -> Matrix:
    """Scale positions to 0..1, both coordinates alike, and centre the narrower one."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    side = max(float((high - low).max()), np.finfo(np.float32).tiny)
    scaled: Matrix = np.clip(0.5 + (positions - (low + high) / 2) / side, 0, 1).astype(np.float32)
    return scaled


def place(positions: Matrix, nearest: NDArray[np.int64]) -> Matrix:
    """Place further images on a map, each at the median of its nearest images there (Policar et al. 2023).

    The median, unlike the mean, is not drawn between two distant parts of the map by a single neighbour.

    Args:
        positions: Positions of the images on the map, (n, 2).
        nearest: Rows of the nearest of these for each further image, (m, k).

    Returns:
        Positions, float32, (m, 2).
    """
    placed: Matrix = np.median(positions[nearest], axis=1).astype(np.float32)
    return placed
