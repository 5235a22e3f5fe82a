"""SuperGlobal re-ranking: the nearest images of a query are ordered again, by vectors refined with their neighbours.

Shao et al., Global Features are All You Need for Image Retrieval and Reranking (ICCV 2023).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.reduction.base import l2_normalize
from osrmac.types import DistanceBlock, Matrix

__all__ = ["RerankedBlocks", "superglobal"]


def superglobal(query: Matrix, images: Matrix, neighbours: int, beta: float) -> Matrix:
    """Return the score of each of the nearest images of a query, float32, (M,); the highest score is the best.

    All vectors are scaled to unit length, x_i for the images and q for the query:

    1. r_i = (x_i + beta * sum_j c_ij x_j) / (1 + beta * sum_j c_ij), over the K nearest other images j among the M;
       c_ij is the cosine similarity of i and j.
    2. q' is the elementwise maximum of those K + 1 of the r_i whose q . r_i is highest.
    3. The score of image i is (q . r_i + q' . r_i) / 2.

    This is what the authors' code computes (modules/reranking in github.com/ShihaoShao-GH/SuperGlobal), except that a
    negative c_ij counts as 0, without which the denominator may vanish. Equal images have equal scores. Time grows with
    M * M * d; memory is 16 * M * M + 8 * M * d bytes.

    Args:
        query: Query vector, (d,).
        images: Vectors of its M nearest images, (M, d), M at least 1.
        neighbours: K, at least 1; if there are fewer other images, all of them are neighbours.
        beta: Weight of a neighbour, 0 or more.
    """
    unit_query, unit_images = l2_normalize(query[None])[0], l2_normalize(images)
    refined = _refined(unit_images, neighbours, beta)
    similarities = refined @ unit_query
    best = np.argsort(-similarities, kind="stable")[: neighbours + 1]
    scores: Matrix = (similarities + refined @ refined[best].max(axis=0)) / 2
    return scores[_first_equal_row(unit_images)]


def _refined(images: Matrix, neighbours: int, beta: float) -> Matrix:
    """Return the average of each vector of unit length and its nearest neighbours, (M, d)."""
    cosines = images @ images.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argpartition(-cosines, min(neighbours, len(images) - 1), axis=1)[:, :neighbours]
    weights = np.zeros_like(cosines)
    np.put_along_axis(weights, nearest, beta * np.take_along_axis(cosines, nearest, axis=1).clip(min=0), axis=1)
    np.fill_diagonal(weights, 1)
    refined: Matrix = weights @ images / weights.sum(axis=1, keepdims=True)
    return refined


def _first_equal_row(rows: Matrix) -> NDArray[np.int64]:
    """Return for each row the position of the first that equals it: a matrix product may round equal rows differently.

    >>> _first_equal_row(np.array([[1, 2], [3, 4], [1, 2]], np.float32)).tolist()
    [0, 1, 0]
    """
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(row.tobytes(), position) for position, row in enumerate(rows)], np.int64)


@dataclass(frozen=True)
class RerankedBlocks:
    """Distances of queries to a collection, block by block, in which re-ranked images precede all others.

    Distances are never negative. Those of re-ranked images are replaced by negative integers that have the order of the
    scores, the lowest for the highest score, and are equal where scores are equal.

    Attributes:
        blocks: The distances of m queries, which can be iterated over repeatedly.
        scores: For each of the m queries the scores of its re-ranked images by id.
    """

    blocks: Iterable[DistanceBlock]
    scores: Sequence[Mapping[str, float]]

    def __iter__(self) -> Iterator[DistanceBlock]:
        replacements = [_negative_ranks(by_id) for by_id in self.scores]
        for url, ids, distances in self.blocks:
            positions = {image: position for position, image in enumerate(ids)}
            replaced = distances.copy()
            for row, by_id in zip(replaced, replacements, strict=True):
                for image in by_id.keys() & positions.keys():
                    row[positions[image]] = by_id[image]
            yield url, ids, replaced


def _negative_ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Return negative integers in the reverse order of some scores.

    >>> _negative_ranks({"a": 0.5, "b": 0.9, "c": 0.5})
    {'a': -1, 'b': -2, 'c': -1}
    """
    ranks = {score: -rank for rank, score in enumerate(sorted(set(scores.values())), 1)}
    return {image: ranks[score] for image, score in scores.items()}
