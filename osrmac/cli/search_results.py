"""Results of a search, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from osrmac.cli.output import table
from osrmac.tables import Table

if TYPE_CHECKING:
    from osrmac.runs.queries import SearchResult
    from osrmac.types import Match, QueryResult

__all__ = ["query_json", "search_json", "search_tables"]

_OWN_COLUMNS, _OWN_TEXT = 3, 40
"""Number of the user's own columns in a table, and of characters of a value."""


def search_json(result: SearchResult) -> Iterator[dict[str, Any]]:
    """Yield each match as plain values.

    `searched` says which images were compared. There is a `score` if the search re-ranks, which is null where it did
    not, a `box`, which is null unless regions were matched, and the user's own `columns` if the run has any.
    """
    for query in result.queries:
        yield from query_json(query, scores=result.reranked, searched=result.searched)


def query_json(query: QueryResult, *, scores: bool, searched: str) -> Iterator[dict[str, Any]]:
    """Yield each match of a query as plain values, or the error of a query that has no result."""
    if query.error is not None:
        yield {"query": query.query, "error": query.error}
    for match in query.matches:
        values = {
            "query": query.query,
            "rank": match.rank,
            "id": match.id,
            "uri": match.uri,
            "distance": match.distance,
            "tied": match.tied,
        }
        values |= {"score": match.score} if scores else {}
        values |= {"box": match.box, "searched": searched}
        yield values | ({"columns": dict(match.columns)} if match.columns else {})


def search_tables(result: SearchResult) -> Iterator[Table]:
    """Yield a table of the matches of each query, with columns of scores, boxes and the user's own.

    All of these columns are there only if they have values, and of the user's own only the first three.
    """
    for query in result.queries:
        columns: dict[str, Callable[[Match], object]] = {
            "": lambda match: match.rank,
            **({"score": lambda match: "" if match.score is None else match.score} if result.reranked else {}),
            result.distance: lambda match: match.distance,
            "tied": _tie,
            "id": lambda match: match.id,
            **({"box": _box} if any(match.box for match in query.matches) else {}),
            **_own_columns(query.matches),
        }
        rows = ([value(match) for value in columns.values()] for match in query.matches)
        yield table(query.query, tuple(columns), rows, _notes(result))


def _own_columns(matches: Sequence[Match]) -> dict[str, Callable[[Match], object]]:
    """Return the first of the user's own columns; values are cut off, to leave room for the id."""
    names = list(dict.fromkeys(name for match in matches for name in match.columns))[:_OWN_COLUMNS]
    return {name: partial(_own_value, name) for name in names}


def _own_value(name: str, match: Match) -> str:
    value = match.columns.get(name)
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _OWN_TEXT else f"{text[: _OWN_TEXT - 1]}…"


def _box(match: Match) -> str:
    return " ".join(map(str, match.box or ()))


def _tie(match: Match) -> str:
    return "=" if match.tied else ""


def _notes(result: SearchResult) -> list[str]:
    compared = f"compared by {result.method}: {result.searched}"
    return [compared, *(f"{name}: {text}" for name, text in result.conditions.items())]
