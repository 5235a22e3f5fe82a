"""Precision against recall, averaged over queries."""

from collections.abc import Collection, Iterable

import numpy as np

__all__ = ["RECALLS", "interpolated_precision", "mean_precision"]

_STEPS = 10
RECALLS = tuple(step / _STEPS for step in range(_STEPS + 1))
"""The eleven standard levels of recall: 0, 0.1 and so on up to 1."""


def interpolated_precision(ranks: Collection[int], positives: int) -> list[float]:
    """The highest precision reached at each of the eleven levels of recall or beyond, 0..1.

    As Manning, Raghavan and Schuetze define it (Introduction to Information Retrieval, 2008, section 8.4). A level that
    is never reached has precision 0.

    Args:
        ranks: 0-based ranks of the relevant images that were retrieved, distinct.
        positives: Number of relevant images that exist, at least 1.

    >>> interpolated_precision([0, 3], positives=2)
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    ordered = np.sort(np.fromiter(ranks, np.int64))
    precisions = np.arange(1, len(ordered) + 1) / (ordered + 1)
    best = np.maximum.accumulate(precisions[::-1])[::-1]
    needed = [max(1, -(-step * positives // _STEPS)) for step in range(_STEPS + 1)]
    return [float(best[number - 1]) if number <= len(best) else 0.0 for number in needed]


def mean_precision(queries: Iterable[tuple[Collection[int], int]]) -> list[float]:
    """The mean of `interpolated_precision` over queries, at least one, at each level."""
    curves = [interpolated_precision(ranks, positives) for ranks, positives in queries]
    means: list[float] = np.mean(curves, axis=0).tolist()
    return means
