"""What searches and evaluations need of a collection, wherever it is compared: here, on a cluster, or by an index.

Everywhere, a set of m queries is a sequence of matrices, (m, k), one for each recipe of the method that is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, Self, TypeVar

from osrmac.config import Distance
from osrmac.retrieval.topk import candidates, merge_nearest
from osrmac.runs.shard_reader import Source
from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["Comparison", "ExactSearcher", "Searcher", "Spread", "nearest_of"]

_Summary = TypeVar("_Summary")


class Searcher(Protocol):
    """Finds the images of a collection that are nearest to queries."""

    def nearest(self, queries: Sequence[Matrix], number: int) -> list[list[Match]]:
        """Return the nearest images of each query, nearest first; ties are ordered by id and marked."""

    def vectors(self, ids: Iterable[str]) -> list[dict[str, Matrix]]:
        """Look up images, and return for each recipe their vectors, (k,), by id; unknown ids are left out.

        An image with several regions has their sum.
        """

    def of_recipe(self, index: int) -> Self:
        """Return a searcher that compares the vectors of one recipe only."""

    def of_all(self) -> Self:
        """Return a searcher that leaves no image out of the results."""


class Comparison(Protocol):
    """Distances of some queries to all images of a collection, which are computed part by part."""

    def summarize(self, summary: Callable[[Iterable[DistanceBlock]], _Summary]) -> Iterator[_Summary]:
        """Yield a summary of the distances to each part of the collection.

        Args:
            summary: Gets the blocks of distances to one part. Can be pickled.
        """


class ExactSearcher(Searcher, Protocol):
    """A searcher that computes all distances, so that every image has a rank."""

    def compare(self, queries: Sequence[Matrix]) -> Comparison:
        """Compare queries with all images."""


class Spread(Protocol):
    """A cluster over which exact scans are spread."""

    def pays(self, size: int) -> bool:
        """Return whether the cluster scans a number of bytes of vectors faster than this process."""

    def scan(
        self, sources: Sequence[Source], distance: Distance, outside: frozenset[str] = frozenset()
    ) -> ExactSearcher:
        """Return a scan on the cluster.

        Args:
            sources: The images.
            distance: Distance between two vectors.
            outside: Ids of images that have vectors, but do not belong to the collection and are never found.
        """


def nearest_of(comparison: Comparison, queries: int, number: int) -> list[list[Match]]:
    """Return the nearest images of each of some queries: see `osrmac.retrieval.topk.nearest`."""
    parts = comparison.summarize(partial(candidates, queries=queries, number=number))
    return merge_nearest(parts, queries, number)
