"""Measures of retrieval, from the ranks of the relevant images.

Where images are tied, a measure is its mean over all their orders; see `osrmac.evaluation.ties.Tie`.
"""

from collections.abc import Iterable
from math import comb

import numpy as np

from osrmac.evaluation.ties import Tie

__all__ = ["average_precision", "average_precision_at", "n_s_score", "precision_at", "without_junk"]

_GROUP = 4

_SUMMED_AT_ONCE = 1_000_000


def without_junk(ranks: Iterable[int], junk: Iterable[int]) -> list[int]:
    """Return the ranks of relevant images after junk images are removed from the ranking, ascending.

    Args:
        ranks: 0-based ranks of the relevant images.
        junk: 0-based ranks of the images that count neither for nor against.

    >>> without_junk([0, 3, 5], junk=[1, 4])
    [0, 2, 3]
    """
    relevant = np.sort(np.fromiter(ranks, dtype=np.int64))
    removed = np.sort(np.fromiter(junk, dtype=np.int64))
    return [int(rank) for rank in relevant - np.searchsorted(removed, relevant)]


def average_precision(ties: Iterable[Tie], positives: int) -> float:
    """Return the area under the precision-recall curve by the trapezoidal rule, in 0..1.

    Each relevant image adds the mean of the precisions just before and at its rank, as in VGG's compute_ap
    (Philbin et al. 2007), INRIA's holidays_map.py (Jegou, Douze and Schmid 2008) and Radenovic et al. (2018).

    Let a tie of n images, r of them relevant, begin at rank f, with h relevant images before it. In a random order,
    the image at rank f + i is relevant with probability r / n; given that, each of the n - 1 others is relevant with
    probability c = (r - 1) / (n - 1), so that h + c i relevant images are expected before it. The tie therefore adds

        r / n * sum over i < n of ((h + c i) / (f + i) + (h + c i + 1) / (f + i + 1)) / 2,

    where the precision before rank 0 is one. As (h + c i) / (f + i) = c + (h - c f) / (f + i), and likewise for the
    second term, only reciprocals have to be summed.

    Args:
        ties: Relevant images that were retrieved, by distance.
        positives: Number of relevant images that exist, at least 1.

    >>> average_precision([Tie(0, 1, 1), Tie(2, 1, 1)], positives=2)
    0.7916666666666666
    >>> average_precision([Tie(0, 2, 1)], positives=1)  # the mean of 1 and 1/4
    0.625
    """
    total, hits = 0.0, 0
    for first, size, relevant in sorted(ties):
        slope = (relevant - 1) / (size - 1) if size > 1 else 0.0
        if first:
            before = slope * size + (hits - slope * first) * _sum_of_reciprocals(first, size)
        else:
            before = 1 + slope * (size - 1)
        at = slope * size + (hits + 1 - slope * (first + 1)) * _sum_of_reciprocals(first + 1, size)
        total += relevant / size * (before + at) / 2
        hits += relevant
    return total / positives


def average_precision_at(ties: Iterable[Tie], positives: int, k: int | None = None) -> float:
    """Return the rectangular average precision of the first k results, in 0..1.

    This is AP@k = 1 / min(k, positives) * sum of the precisions at the relevant images among the first k, as in the
    evaluations of the Google Landmarks Dataset v2 (Weyand et al. 2020, k = 100), of ILIAS (Kordopatis-Zilos et al.
    2025, k = 1000), and of GPR1200 (Schall et al. 2022, all results).

    Let a tie of n images, r of them relevant, begin at rank f, with h relevant images before it. As in
    `average_precision`, the image at rank f + i is relevant with probability r / n, and given that, h + c i + 1
    relevant images are expected up to its rank, with c = (r - 1) / (n - 1). Of the tie, the first m = min(n, k - f)
    images are among the first k; they add r / n * sum over i < m of (h + c i + 1) / (f + i + 1).

    Args:
        ties: Relevant images that were retrieved, by distance.
        positives: Number of relevant images that exist, at least 1.
        k: Number of results that count, at least 1; None for all of them.

    >>> average_precision_at([Tie(0, 1, 1), Tie(2, 1, 1)], positives=2)
    0.8333333333333333
    >>> average_precision_at([Tie(0, 1, 1), Tie(2, 1, 1)], positives=3, k=2)
    0.5
    >>> average_precision_at([Tie(0, 2, 1)], positives=1, k=1)  # the mean of 1 and 0
    0.5
    """
    total, hits = 0.0, 0
    for first, size, relevant in sorted(ties):
        counted = size if k is None else min(size, k - first)
        if counted <= 0:
            break
        slope = (relevant - 1) / (size - 1) if size > 1 else 0.0
        at = slope * counted + (hits + 1 - slope * (first + 1)) * _sum_of_reciprocals(first + 1, counted)
        total += relevant / size * at
        hits += relevant
    return total / (positives if k is None else min(k, positives))


def _sum_of_reciprocals(first: int, count: int) -> float:
    """Return 1 / first + 1 / (first + 1) + ..., in bounded memory."""
    if count == 1:
        return 1 / first
    starts = range(first, first + count, _SUMMED_AT_ONCE)
    stops = [*starts[1:], first + count]
    return float(sum((1 / np.arange(start, stop)).sum() for start, stop in zip(starts, stops, strict=True)))


def precision_at(ties: Iterable[Tie], k: int) -> float:
    """Return the precision of the first k results, in 0..1.

    The list is cut at the last relevant image if that comes earlier, as in the compute_map of Radenovic et al.
    (2018), so a query with fewer than k relevant images can reach 1.

    If the list is not cut, the mean is that of the number of relevant images in the first k, divided by k. It is cut
    to a length l < k, where its precision is (number of relevant images) / l, if the last tie, of n images with r
    relevant ones from rank f on, has its last relevant image at rank l - 1. Of the C(n, r) equally probable places of
    its relevant images, this is so for the C(l - 1 - f, r - 1) that have the r - 1 others before that rank.

    Args:
        ties: Relevant images that were retrieved, by distance.
        k: Length of the list, at least 1.

    >>> precision_at([Tie(0, 1, 1), Tie(2, 1, 1)], k=5)
    0.6666666666666666
    >>> round(precision_at([Tie(0, 2, 1)], k=5), 12)  # the mean of 1/1 and 1/2
    0.75
    """
    ordered = sorted(ties)
    if not ordered:
        return 0.0
    first, size, relevant = ordered[-1]
    found = sum(tie.relevant for tie in ordered)
    precision = _expected_among(ordered, k) / k
    for length in range(first + relevant, min(first + size, k - 1) + 1):
        probability = comb(length - 1 - first, relevant - 1) / comb(size, relevant)
        precision += probability * found * (1 / length - 1 / k)
    return precision


def n_s_score(ties: Iterable[Tie]) -> float:
    """Return the number of images of a group of four among the first four, 0 to 4 (Nister and Stewenius 2006)."""
    return _expected_among(ties, _GROUP)


def _expected_among(ties: Iterable[Tie], k: int) -> float:
    """Return the mean number of relevant images among the first k: each tie adds its share of them."""
    return float(sum(relevant * min(max(k - first, 0), size) / size for first, size, relevant in ties))
