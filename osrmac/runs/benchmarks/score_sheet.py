"""The first images of each query with their scores, as the evaluation of ILIAS reads them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from osrmac.errors import ConfigError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.runs.methods import Method
from osrmac.runs.searcher import Comparison, nearest_of

__all__ = ["ScoreSheet"]

FIRST = 1000
"""Number of images of a query, which ILIAS's mAP@1000 takes into account."""


class ScoreSheet:
    """Collects the first images of each query of one method, with scores of which the larger is the better.

    Args:
        benchmark: Benchmark with the query modes that are scored, and its names of images.
        method: Name of the method, also an attribute.

    Raises:
        ConfigError: A query is in several query modes, so that a file of one ranking a query cannot hold both.
    """

    def __init__(self, benchmark: Benchmark, method: str) -> None:
        names = Counter(query.name for mode in benchmark.modes.values() for query in mode)
        if any(times > 1 for times in names.values()):
            modes = ", ".join(benchmark.modes)
            raise ConfigError(f"--scores holds one ranking a query: choose one of {modes} with --queries")
        self._benchmark = benchmark
        self.method = method
        self._scores: dict[str, dict[str, float]] = {}

    def add(self, method: Method, queries: Sequence[Query], comparison: Comparison) -> None:
        """Add the rankings of one query mode, if they are of the sheet's method.

        Args:
            method: Method of the distances.
            queries: Queries of the mode, m.
            comparison: Distances of the queries to the collection.
        """
        if method.name == self.method:
            found = nearest_of(comparison, len(queries), FIRST)
            for query, matches in zip(queries, found, strict=True):
                scored = {self._benchmark.name_of(match.id): 0.0 - match.distance for match in matches}
                self._scores[query.name] = scored

    @property
    def images(self) -> int:
        """Number of different images."""
        return len(frozenset[str]().union(*self._scores.values()))

    def to_json(self) -> str:
        """Return `{query: {image: score}}` as JSON, images by decreasing score; a score is a negative distance."""
        return json.dumps(self._scores)
