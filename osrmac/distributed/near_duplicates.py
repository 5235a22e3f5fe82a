"""Near-duplicates on a cluster: pairs of images within a distance, and the agreement of their pixels.

All pairs are compared, or those in the same or in near clusters: vectors are grouped by the nearest centroids of a
k-means clustering (as NVIDIA NeMo Curator does), and compared within each group. A vector also visits the groups of the
next nearest centroids, as pairs are often on either side of a border.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import faiss
import numpy as np
import ray
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.distributed.tasks import OnProgress, run_tasks
from osrmac.reduction.base import l2_normalize
from osrmac.runs.near_duplicates.grey_thumbnails import picture_agreements
from osrmac.runs.near_duplicates.second_look import LookTask
from osrmac.runs.near_duplicates.vector_pieces import Pairs, Piece, VectorPieces, compare_panel
from osrmac.types import Matrix

__all__ = ["all_pairs", "clustered_pairs", "look_at"]

_CLUSTERS = 1.0
"""Number of clusters, relative to the square root of the number of images: finding the nearest centroids takes less
time than comparing the vectors of the clusters, and few copies are in clusters that are not compared."""

_VISITED = 4
"""Clusters that a vector is compared with: its own and the next nearest."""

_SAMPLE = 40
"""Vectors for each cluster that the clustering is computed from."""

_ITERATIONS = 6
_BYTES = 256_000_000
"""Bytes of vectors that a task holds."""


def all_pairs(
    images: VectorPieces,
    others: VectorPieces | None,
    threshold: float,
    distance: Distance,
    device: str,
    on_progress: OnProgress | None = None,
) -> Iterator[Pairs]:
    """Yield all pairs of images within a threshold: see `compare_panel`."""
    panels = list(images.panels())
    shared = ray.put((images, others))
    calls = [(shared, panel, threshold, distance, device) for panel in panels]
    yield from run_tasks(_options(_compare_panel, device), calls, on_progress)


@ray.remote
def _compare_panel(
    sides: tuple[VectorPieces, VectorPieces | None], panel: range, threshold: float, distance: Distance, device: str
) -> Pairs:
    images, others = sides
    return Pairs.joined(list(compare_panel(images, panel, others, threshold, distance, device)))


def clustered_pairs(
    images: VectorPieces,
    others: VectorPieces | None,
    threshold: float,
    distance: Distance,
    device: str,
    on_progress: OnProgress | None = None,
) -> Iterator[Pairs]:
    """Yield pairs of images within a threshold that are in the same cluster or visit it; some are yielded twice.

    The object store holds the vectors four times, on disk where its memory does not suffice.

    Args:
        images: Images to compare.
        others: Other images to compare with, whose positions follow; None to compare the images with each other.
        threshold: Largest distance.
        distance: Distance between two vectors.
        device: Torch device that computes the distances.
        on_progress: Called with the number of groups of clusters that have been compared, and of all.
    """
    sides = [images] if others is None else [images, others]
    total = sum(map(len, sides))
    centroids = ray.put(_centroids(sides, round(_CLUSTERS * math.sqrt(total)), distance))
    parts = max(1, -(-_VISITED * total * images.image_bytes // _BYTES))
    scattered: list[Any] = [
        _scatter.options(num_returns=parts).remote(ray.put(side), panel, centroids, distance, parts)
        for side in sides
        for panel in side.panels(_BYTES // _VISITED)
    ]
    pieces = [refs if parts > 1 else [refs] for refs in scattered]
    border = None if others is None else others.starts[0]
    calls = [(threshold, distance, device, border, *(refs[part] for refs in pieces)) for part in range(parts)]
    del scattered, pieces
    yield from run_tasks(_options(_compare_clusters, device), calls, on_progress)


def _options(task: Any, device: str) -> Any:
    return task.options(num_gpus=1) if device == "cuda" else task


def _centroids(sides: Sequence[VectorPieces], number: int, distance: Distance) -> Matrix:
    """Return the centroids of a sample of the vectors of the first recipe."""
    samples = []
    total = sum(map(len, sides))
    for side in sides:
        drawn = min(len(side), max(1, _SAMPLE * number * len(side) // total))
        rows = np.sort(np.random.default_rng(0).choice(len(side), drawn, replace=False))
        samples.append(side.vectors_at(rows + side.starts[0])[0])
    sample = _comparable(np.concatenate(samples), distance)
    clustering = faiss.Kmeans(sample.shape[1], number, niter=_ITERATIONS, seed=0, min_points_per_centroid=1)
    clustering.train(sample)
    centroids: Matrix = clustering.centroids  # type: ignore[assignment]  # None before training only
    return centroids


def _comparable(vectors: Matrix, distance: Distance) -> Matrix:
    return np.ascontiguousarray(l2_normalize(vectors) if distance == "cosine" else vectors, np.float32)


_Scattered = tuple[NDArray[np.int64], NDArray[np.bool_], Piece]
"""For some vectors the cluster that each belongs to or visits, and whether it belongs to it."""


@ray.remote
def _scatter(
    images: VectorPieces, panel: range, centroids: Matrix, distance: Distance, parts: int
) -> _Scattered | list[_Scattered]:
    """Group vectors by cluster, and the clusters by part: see `clustered_pairs`."""
    index = faiss.IndexFlatL2(centroids.shape[1])
    index.add(centroids)
    pieces = list(images.pieces(panel))
    whole = Piece(
        np.concatenate([piece.positions for piece in pieces]),
        tuple(map(np.concatenate, zip(*(piece.vectors for piece in pieces), strict=True))),
    )
    _, nearest = index.search(_comparable(whole.vectors[0], distance), min(_VISITED, len(centroids)))
    rows = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    clusters, is_home = nearest.ravel(), np.arange(nearest.size) % nearest.shape[1] == 0
    scattered = []
    for part in range(parts):
        (chosen,) = np.nonzero(clusters % parts == part)
        scattered.append((clusters[chosen], is_home[chosen], whole[rows[chosen]]))
    return scattered if parts > 1 else scattered[0]


@ray.remote
def _compare_clusters(
    threshold: float, distance: Distance, device: str, border: int | None, *scattered: _Scattered
) -> Pairs:
    """Compare the vectors of each of some clusters with each other, and with those that visit it."""
    clusters = np.concatenate([part[0] for part in scattered])
    is_home = np.concatenate([part[1] for part in scattered])
    whole = Piece(
        np.concatenate([part[2].positions for part in scattered]),
        tuple(map(np.concatenate, zip(*(part[2].vectors for part in scattered), strict=True))),
    )
    order = np.lexsort((whole.positions, ~is_home, clusters))
    edges = np.flatnonzero(np.diff(clusters[order])) + 1
    found = []
    for rows in np.split(order, edges):
        home, visiting = whole[rows[is_home[rows]]], whole[rows[~is_home[rows]]]
        for left, right, later in _comparisons(home, visiting, border):
            found.append(left.pairs(right, threshold, distance, device, later=later))
    return Pairs.joined(found)


def _comparisons(home: Piece, visiting: Piece, border: int | None) -> list[tuple[Piece, Piece, bool]]:
    """Return what to compare: pieces, and whether only with later images. Two runs meet at a border of positions."""
    if border is None:
        return [(home, home, True), (home, visiting, False)]
    (left, right), (left_visiting, right_visiting) = (
        (piece[piece.positions < border], piece[piece.positions >= border]) for piece in (home, visiting)
    )
    return [(left, right, False), (left, right_visiting, False), (left_visiting, right, False)]


def look_at(tasks: Sequence[LookTask], on_progress: OnProgress | None = None) -> list[Matrix]:
    """Return the agreements of the pairs of each task: see `picture_agreements`."""
    return list(run_tasks(ray.remote(picture_agreements), tasks, on_progress))
