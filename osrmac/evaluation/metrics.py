"""Measures of retrieval, from the ranks of the relevant images."""

from collections.abc import Collection, Iterable

import numpy as np

__all__ = ["average_precision", "n_s_score", "precision_at", "without_junk"]

_GROUP = 4


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


def average_precision(ranks: Collection[int], positives: int) -> float:
    """Return the area under the precision-recall curve by the trapezoidal rule, in 0..1.

    Each relevant image adds the mean of the precisions just before and at its rank, as in VGG's compute_ap
    (Philbin et al. 2007), INRIA's holidays_map.py (Jegou, Douze and Schmid 2008) and Radenovic et al. (2018).

    Args:
        ranks: 0-based ranks of the relevant images that were retrieved, distinct.
        positives: Number of relevant images that exist, at least 1.

    >>> average_precision([0, 2], positives=2)
    0.7916666666666666
    """
    total = 0.0
    for hits, rank in enumerate(sorted(ranks)):
        precision_before = hits / rank if rank else 1.0
        precision_at_rank = (hits + 1) / (rank + 1)
        total += (precision_before + precision_at_rank) / 2
    return total / positives


def precision_at(ranks: Collection[int], k: int) -> float:
    """Return the precision of the first k results, in 0..1.

    The list is cut at the last relevant image if that comes earlier, as in the compute_map of Radenovic et al.
    (2018), so a query with fewer than k relevant images can reach 1.

    Args:
        ranks: 0-based ranks of the relevant images that were retrieved, distinct.
        k: Length of the list, at least 1.

    >>> precision_at([0, 2], k=5)
    0.6666666666666666
    """
    length = min(max(ranks, default=0) + 1, k)
    return sum(rank < length for rank in ranks) / length


def n_s_score(ranks: Collection[int]) -> float:
    """Return the number of images of a group of four among the first four, 0 to 4 (Nister and Stewenius 2006)."""
    return float(sum(rank < _GROUP for rank in ranks))
