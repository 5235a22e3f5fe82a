"""The measures of the field, from the ranks at which relevant images appear."""

from collections.abc import Collection, Iterable

import numpy as np

__all__ = ["average_precision", "n_s_score", "precision_at", "without_junk"]

_GROUP = 4


def without_junk(ranks: Iterable[int], junk: Iterable[int]) -> list[int]:
    """Ranks that remain when junk images are taken out of the ranking.

    Args:
        ranks: 0-based ranks of relevant images.
        junk: 0-based ranks of images that count neither for nor against.

    Returns:
        The new ranks, ascending.

    >>> without_junk([0, 3, 5], junk=[1, 4])
    [0, 2, 3]
    """
    relevant = np.sort(np.fromiter(ranks, dtype=np.int64))
    ignored = np.sort(np.fromiter(junk, dtype=np.int64))
    return [int(rank) for rank in relevant - np.searchsorted(ignored, relevant)]


def average_precision(ranks: Collection[int], positives: int) -> float:
    """Area under the precision-recall curve by the trapezoidal rule, in 0..1.

    As VGG's compute_ap and INRIA's holidays_map.py compute it: each relevant image adds the
    mean of the precisions just before and at its rank.

    Args:
        ranks: 0-based ranks of the relevant images that were retrieved, distinct.
        positives: Number of relevant images that exist, at least 1.

    >>> average_precision([0, 2], positives=2)
    0.7916666666666666
    """
    total = 0.0
    for found, rank in enumerate(sorted(ranks)):
        before = found / rank if rank else 1.0
        at = (found + 1) / (rank + 1)
        total += (before + at) / 2
    return total / positives


def precision_at(ranks: Collection[int], k: int) -> float:
    """Share of relevant images among the first k, or as far as the last relevant one if that comes earlier, in 0..1.

    As the compute_map of Radenovic et al. (2018) computes it: who has fewer than k relevant images can still reach 1.

    Args:
        ranks: 0-based ranks of the relevant images that were retrieved, distinct.
        k: At least 1.

    >>> precision_at([0, 2], k=5)
    0.6666666666666666
    """
    shown = min(max(ranks, default=0) + 1, k)
    return sum(rank < shown for rank in ranks) / shown


def n_s_score(ranks: Collection[int]) -> float:
    """How many of the group of four are among the first four, 0 to 4 (Nister and Stewenius 2006)."""
    return float(sum(rank < _GROUP for rank in ranks))
