"""Stability of a feature selection: the overlap of selections that should be equal."""

from collections.abc import Collection, Sequence
from itertools import combinations
from statistics import fmean

__all__ = ["mean_overlap", "overlap_by_chance"]


def mean_overlap(selections: Sequence[Collection[int]]) -> float:
    """Return the mean Jaccard index over all pairs of selections, in 0..1 (Kalousis et al. 2007).

    Args:
        selections: Indices of at least two selections, none of them empty.

    >>> mean_overlap([[0, 1, 2], [1, 2, 3]])
    0.5
    """
    pairs = combinations(map(set, selections), 2)
    return fmean(len(one & other) / len(one | other) for one, other in pairs)


def overlap_by_chance(kept: int, features: int) -> float:
    """Return the approximate Jaccard index of two independent random selections.

    >>> round(overlap_by_chance(25, 100), 4)
    0.1429
    """
    return kept / (2 * features - kept)
