"""Interpolated precision-recall curves, averaged over queries."""

from collections.abc import Collection, Iterable

import numpy as np

__all__ = ["RECALLS", "interpolated_precision", "mean_precision"]

_STEPS = 10
RECALLS = tuple(step / _STEPS for step in range(_STEPS + 1))
"""The eleven standard recall levels: 0, 0.1, ..., 1."""


def interpolated_precision(ranks: Collection[int], positives: int) -> list[float]:
    """Return the highest precision at or beyond each of the eleven recall levels, in 0..1.

    Levels that are never reached have precision 0 (Manning, Raghavan and Schuetze, Introduction to Information
    Retrieval, 2008, section 8.4).

    Args:
        ranks: 0-based ranks of the relevant images that were retrieved, distinct; one order of tied images.
        positives: Number of relevant images that exist, at least 1.

    >>> interpolated_precision([0, 3], positives=2)
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    ordered = np.sort(np.fromiter(ranks, np.int64))
    precisions = np.arange(1, len(ordered) + 1) / (ordered + 1)
    best = np.maximum.accumulate(precisions[::-1])[::-1]
    hits_needed = [max(1, -(-step * positives // _STEPS)) for step in range(_STEPS + 1)]
    return [float(best[hits - 1]) if hits <= len(best) else 0.0 for hits in hits_needed]


def mean_precision(queries: Iterable[tuple[Collection[int], int]]) -> list[float]:
    """Return the mean interpolated precision at each recall level, over at least one query.

    Args:
        queries: Ranks and number of positives of each query, as for `interpolated_precision`.
    """
    curves = [interpolated_precision(ranks, positives) for ranks, positives in queries]
    means: list[float] = np.mean(curves, axis=0).tolist()
    return means
