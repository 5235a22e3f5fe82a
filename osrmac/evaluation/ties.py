"""Relevant images in a ranking, grouped by distance."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from osrmac.types import Rank

__all__ = ["Tie", "group"]


class Tie(NamedTuple):
    """Images at one distance from the query, at least one of them relevant; junk is not counted.

    A measure of a ranking with ties is its mean over all orders of the tied images (McSherry and Najork, Computing
    Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores, ECIR 2008).

    Attributes:
        first: 0-based rank of the first of them, which is the number of nearer images.
        size: Number of images; one if there is no tie.
        relevant: Number of relevant images among them, at least one.
    """

    first: int
    size: int
    relevant: int


def group(relevant: Iterable[Rank], junk: Iterable[Rank]) -> list[Tie]:
    """Return the relevant images by distance, nearest first, after junk is removed from the ranking.

    Removing junk from a random order of tied images leaves the others in random order, so it only counts less.

    Args:
        relevant: Ranks of the relevant images.
        junk: Ranks of the images that count neither for nor against.

    >>> group([Rank(1, 1, 3), Rank(3, 1, 3)], junk=[Rank(0, 0, 1), Rank(2, 1, 3)])
    [Tie(first=0, size=2, relevant=2)]
    """
    groups = Counter((rank.nearer, rank.tied) for rank in relevant)
    removed = sorted(rank.nearer for rank in junk)
    ties = []
    for (first, size), count in sorted(groups.items()):
        nearer, not_beyond = bisect_left(removed, first), bisect_right(removed, first)
        ties.append(Tie(first - nearer, size - (not_beyond - nearer), count))
    return ties
