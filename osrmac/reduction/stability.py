"""How much selections of features that should be the same have in common."""

from collections.abc import Collection, Sequence
from itertools import combinations
from statistics import fmean

__all__ = ["mean_overlap", "overlap_by_chance"]


def mean_overlap(selections: Sequence[Collection[int]]) -> float:
    """Mean over all pairs of the share of features in both among those in either, 0..1.

    The Jaccard index, as Kalousis et al. (2007) take it to measure the stability of a selection.

    Args:
        selections: At least two sets of indices, none empty.

    >>> mean_overlap([[0, 1, 2], [1, 2, 3]])
    0.5
    """
    pairs = combinations(map(set, selections), 2)
    return fmean(len(one & other) / len(one | other) for one, other in pairs)


def overlap_by_chance(kept: int, features: int) -> float:
    """What two random choices of so many of the features would have in common, about.

    >>> round(overlap_by_chance(25, 100), 4)
    0.1429
    """
    return kept / (2 * features - kept)
