"""Results of a search, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from osrmac.cli.output import table
from osrmac.tables import Table

if TYPE_CHECKING:
    from osrmac.runs.queries import SearchResult
    from osrmac.types import Match, QueryResult

__all__ = ["search_json", "search_tables"]


def search_json(result: SearchResult) -> Iterator[dict[str, Any]]:
    """Yield each match as plain values, with its `score` if the search re-ranks, which is null where it did not."""
    for query in result.queries:
        for match in query.matches:
            values = {
                "query": query.query,
                "rank": match.rank,
                "id": match.id,
                "uri": match.uri,
                "distance": match.distance,
                "tied": match.tied,
            }
            yield values | {"score": match.score} if result.reranked else values


def search_tables(result: SearchResult) -> Iterator[Table]:
    """Yield a table of the matches of each query."""
    for query in result.queries:
        yield _reranked_table(result, query) if result.reranked else _table(result, query)


def _table(result: SearchResult, query: QueryResult) -> Table:
    rows = ((match.rank, match.distance, _tie(match), match.id) for match in query.matches)
    return table(query.query, ("", result.distance, "tied", "id"), rows, _notes(result))


def _reranked_table(result: SearchResult, query: QueryResult) -> Table:
    rows = (
        (match.rank, "" if match.score is None else match.score, match.distance, _tie(match), match.id)
        for match in query.matches
    )
    return table(query.query, ("", "score", result.distance, "tied", "id"), rows, _notes(result))


def _tie(match: Match) -> str:
    return "=" if match.tied else ""


def _notes(result: SearchResult) -> list[str]:
    return [f"compared by {result.method}", *(f"{name}: {text}" for name, text in result.conditions.items())]
