"""The quantizer of an index: trained once, and then applied to the vectors of every part."""

from __future__ import annotations

from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from osrmac.reduction.base import l2_normalize
from osrmac.types import Matrix

__all__ = ["indexed_vectors", "load_quantizer", "train_quantizer"]

_ITERATIONS = 10
"""Iterations of the clustering, as FAISS does for an inverted file."""


def indexed_vectors(vectors: Matrix, space: Literal["l2", "cosine"]) -> Matrix:
    """Return vectors as an index of a space has them, float32, (n, d)."""
    return np.ascontiguousarray(l2_normalize(vectors) if space == "cosine" else vectors, np.float32)


def train_quantizer(vectors: Matrix, factory: str, threads: int) -> bytes:
    """Train an index that has no images yet. The result depends on nothing but the arguments.

    Args:
        vectors: Sample of the vectors, (n, d), as `indexed_vectors` returns them.
        factory: Kind of index, an inverted file, in the notation of FAISS's `index_factory`.
        threads: Number of threads.

    Returns:
        The index as FAISS writes it into a file.
    """
    faiss.omp_set_num_threads(threads)
    index: Any = faiss.index_factory(vectors.shape[1], factory)  # a `faiss.IndexIVF`
    limits = {"min_points_per_centroid": 1, "max_points_per_centroid": len(vectors)}
    clustering = faiss.Kmeans(vectors.shape[1], index.nlist, niter=_ITERATIONS, seed=0, **limits)
    clustering.train(vectors)
    faiss.omp_set_num_threads(1)  # several threads would build another graph of the centroids each time
    index.quantizer.add(clustering.centroids)
    faiss.omp_set_num_threads(threads)
    index.train(vectors)
    content: bytes = faiss.serialize_index(index).tobytes()
    return content


def load_quantizer(content: bytes | NDArray[np.uint8]) -> Any:
    """Return the index that `train_quantizer` returned, a `faiss.Index`."""
    return faiss.deserialize_index(np.frombuffer(content, np.uint8))
