"""Queries of a search, images of the run or any others, and the result of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from osrmac.config import Distance
from osrmac.errors import NotFoundError, OsrmacError, StorageError
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import read_shard, summed
from osrmac.runs.shard_reader import find_rows, map_shards
from osrmac.storage import schema
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.location import Location
from osrmac.storage.reading.member_uri import enclosing_file
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors
from osrmac.types import Box, Matrix, QueryResult

if TYPE_CHECKING:
    from osrmac.runs.query_describer import QueryDescriber

__all__ = ["QueryVectors", "SearchQuery", "SearchResult", "find_queries", "stacked", "vectors"]


@dataclass(frozen=True)
class SearchQuery:
    """An image to search with.

    Attributes:
        name: Id, path or URL as the user gave it, as valid Unicode.
        uri: Location of the image.
        box: Part of the image to search with; None for the whole image.
        row: Row of the image in the run, with its shard; None if the image, or a part of it, has to be described.
    """

    name: str
    uri: str
    box: Box | None
    row: dict[str, Any] | None


@dataclass(frozen=True)
class SearchResult:
    """Outcome of a search: a sequence of query results, in the order of the queries.

    Attributes:
        method: Name of the method that images were compared by.
        distance: Distance between two vectors.
        queries: Result of each query.
        conditions: Query expansion and re-ranking in words, as an evaluation names them; empty without them.
        searched: Which images were compared, in words.
    """

    method: str
    distance: Distance
    queries: tuple[QueryResult, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)
    searched: str = "all images compared"

    @property
    def reranked(self) -> bool:
        """Whether the nearest images of each query were re-ranked."""
        return "re-ranking" in self.conditions

    def __iter__(self) -> Iterator[QueryResult]:
        return iter(self.queries)

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: int) -> QueryResult:
        return self.queries[index]


def find_queries(queries: Sequence[str], within: Sequence[Location], box: Box | None) -> list[SearchQuery]:
    """Look up queries in a run; those that are not ids of its images are paths or URLs.

    Args:
        queries: Ids, paths or URLs.
        within: Shards of the run's descriptors.
        box: Part of the images to search with; None for whole images.
    """
    names = [query if is_unicode(query) else to_unicode(query) for query in queries]
    rows = find_rows(names, within)
    return [_search_query(query, name, rows.get(name), box) for query, name in zip(queries, names, strict=True)]


def _search_query(query: str, name: str, row: dict[str, Any] | None, box: Box | None) -> SearchQuery:
    if row is None:
        uri = query if is_unicode(query) else file_url(Location.of(query).path)
        return SearchQuery(name, uri, box, None)
    described = box is None or row["status"] != schema.OK
    return SearchQuery(name, row["uri"], box, row if described else None)


def vectors(run: Run, method: Method, queries: Sequence[SearchQuery]) -> list[Matrix]:
    """Return the vectors of queries as a method compares them: for each recipe (m, k).

    Vectors of images of the run are read; other images, and parts of images, are described.

    Raises:
        OsrmacError: An image failed, cannot be read or described, or the weights of the run are unavailable.
    """
    found = QueryVectors(run, method)(queries, strict=True)
    return stacked(outcome for outcome in found if not isinstance(outcome, OsrmacError))


def stacked(vectors: Iterable[Sequence[Matrix]]) -> list[Matrix]:
    """Return for each recipe the vectors of m queries, (m, k), from those of each query; nothing of no queries."""
    return [np.stack(of_recipe) for of_recipe in zip(*vectors, strict=True)]


class QueryVectors:
    """Reads the vectors of queries from a run, and describes other images; the network is loaded once, if it is needed.

    Args:
        run: Run with descriptors.
        method: Method that is compared.
    """

    def __init__(self, run: Run, method: Method) -> None:
        self._run, self._method = run, method

    def __call__(
        self,
        queries: Sequence[SearchQuery],
        on_progress: Callable[[int, int], None] | None = None,
        *,
        strict: bool = False,
    ) -> list[list[Matrix] | OsrmacError]:
        """Return the vectors of each query as the method compares them, one for each recipe, (k,), or why it has none.

        Args:
            queries: Queries, m.
            on_progress: Called with the number of images that have been described, and of all that must be.
            strict: Whether a query without vectors is an error.

        Raises:
            OsrmacError: The weights of the run are unavailable; or, if `strict`, a query has no vectors.
        """
        outcomes: list[list[Matrix] | OsrmacError | None] = [
            _checked(_refusal(self._run, query), strict=strict) for query in queries
        ]
        stored: list[int] = []
        new: list[int] = []
        for position, query in enumerate(queries):
            if outcomes[position] is None:
                (new if query.row is None else stored).append(position)
        for position, found in self._stored(queries, stored):
            outcomes[position] = found
        if new:
            described = self._describer.describe([queries[position] for position in new])
            for number, (position, outcome) in enumerate(zip(new, described, strict=True), 1):
                outcomes[position] = _checked(outcome, strict=strict)
                if on_progress is not None:
                    on_progress(number, len(new))
        return [outcome for outcome in outcomes if outcome is not None]

    def _stored(self, queries: Sequence[SearchQuery], positions: Sequence[int]) -> Iterator[tuple[int, list[Matrix]]]:
        """Read the vectors of images of the run, one shard after another."""
        by_shard: dict[Location, list[tuple[int, str]]] = {}
        for position in positions:
            row = queries[position].row or {}
            by_shard.setdefault(row["shard"], []).append((position, row["id"]))
        for wanted, parts in zip(by_shard.values(), map_shards(self._read, list(by_shard)), strict=True):
            row_of = {image: row for row, image in enumerate(parts[0].ids)}
            for position, image in wanted:
                yield position, [vectors.values[row_of[image]].copy() for vectors in parts]

    def _read(self, shard: Location) -> list[Vectors]:
        method = self._method
        return [summed(read_shard(self._run, shard, recipe, method.reduction)) for recipe in method.recipes]

    @cached_property
    def _describer(self) -> QueryDescriber:
        # A search by id, or a mistyped one, must not wait for torch.
        from osrmac.runs.query_describer import QueryDescriber

        return QueryDescriber(self._run, self._method)


_Outcome = TypeVar("_Outcome")


def _checked(outcome: _Outcome, *, strict: bool) -> _Outcome:
    if strict and isinstance(outcome, OsrmacError):
        raise outcome
    return outcome


def _refusal(run: Run, query: SearchQuery) -> OsrmacError | None:
    """Return why a query cannot have vectors, as far as that is known without reading its image."""
    row = query.row
    if row is not None and row["status"] != schema.OK:
        return StorageError(f"{query.name} has no descriptor, it failed at {row['error_stage']}: {row['error']}")
    if row is None:
        image = Location.of(enclosing_file(query.uri))
        if image.is_local and not image.exists():
            return NotFoundError(f"{query.name} is neither the id of an image of {run.url} nor a file")
    return None
