"""Results of the commands as plain columns and rows, for `osrmac.table_files`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osrmac.table_files import Columns, Value

if TYPE_CHECKING:
    from osrmac.evaluation.comparison import Comparison
    from osrmac.evaluation.results import Evaluation
    from osrmac.runs.near_duplicates.groups import Duplicates
    from osrmac.runs.queries import SearchResult
    from osrmac.types import QueryResult

__all__ = [
    "ResultTable",
    "comparison_table",
    "duplicates_table",
    "query_table",
    "scores_table",
    "search_columns",
    "search_rows",
    "search_table",
]

_EDGES = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class ResultTable:
    """A result as a table.

    Attributes:
        columns: Names of the columns.
        rows: Values of each row.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Value]], columns: Iterable[str] = ()) -> ResultTable:
        """Return a table of rows by name; it has these columns, followed by all others in order of appearance."""
        listed = list(rows)
        names = list(dict.fromkeys([*columns, *(name for row in listed for name in row)]))
        return cls(names, [[row.get(name) for name in names] for row in listed])


def search_columns(*, scores: bool, boxes: bool, errors: bool) -> Columns:
    """Return the names and types of the columns of the results of a search.

    Args:
        scores: Whether there is a column `score`, because the search re-ranks.
        boxes: Whether there are columns for the edges of a box, in pixels, because regions are matched.
        errors: Whether there is a column `error`, for queries without a result.
    """
    return {
        "query": str,
        "rank": int,
        "id": str,
        "uri": str,
        "distance": float,
        "tied": bool,
        **({"score": float} if scores else {}),
        **(dict.fromkeys(_EDGES, float) if boxes else {}),
        **({"error": str} if errors else {}),
    }


def search_rows(query: QueryResult, columns: Iterable[str]) -> Iterator[list[Value]]:
    """Yield a row for each match of a query, or one with the error of a query that has no result.

    Args:
        query: Result of the query.
        columns: Some of the `search_columns`.
    """
    if query.error is not None:
        yield [{"query": query.query, "error": query.error}.get(name) for name in columns]
    for match in query.matches:
        values = {"query": query.query, **vars(match), **dict(zip(_EDGES, match.box or (), strict=False))}
        yield [values.get(name) for name in columns]


def search_table(result: SearchResult) -> ResultTable:
    """Return a row for each match of each query: see `search_rows`."""
    columns = search_columns(
        scores=result.reranked,
        boxes=any(match.box for query in result.queries for match in query.matches),
        errors=any(query.error for query in result.queries),
    )
    return ResultTable(list(columns), [row for query in result.queries for row in search_rows(query, columns)])


def duplicates_table(result: Duplicates) -> ResultTable:
    """Return a row for each near-duplicate, which says whether to keep or to remove the image."""
    columns = ("group", "action", "id", "uri", "width", "height", "size", "modified", "distance", "run")
    rows = (
        {**vars(image), "group": number, "action": "keep" if image.keep else "remove"}
        for number, group in enumerate(result.groups, 1)
        for image in group
    )
    return ResultTable(columns, [[row[name] for name in columns] for row in rows])


def scores_table(evaluation: Evaluation) -> ResultTable:
    """Return a row for each method and query mode: its scores, and the conditions under which they hold."""
    rows = (
        {
            "benchmark": evaluation.benchmark,
            "coverage": evaluation.coverage,
            "system": score.method,
            "label": score.label,
            "mode": score.mode,
            "dimension": score.dimension,
            "queries": score.queries,
            **{measure: score.values[measure] for measure in evaluation.measures},
            **({} if score.spread is None else _spread(score.spread, score.seeds)),
            **evaluation.conditions,
        }
        for score in evaluation.scores
    )
    return ResultTable.of(rows)


def _spread(spread: Mapping[str, float], seeds: int) -> dict[str, Value]:
    return {**{f"{measure} standard deviation": value for measure, value in spread.items()}, "seeds": seeds}


def query_table(evaluation: Evaluation) -> ResultTable:
    """Return a row for each query of each method and query mode: its scores, and the number of relevant images."""
    rows: Iterable[list[Value]] = (
        [
            score.method,
            score.mode,
            result.query,
            *(result.values[measure] for measure in evaluation.measures),
            result.positives,
        ]
        for score in evaluation.scores
        for result in score.results
    )
    return ResultTable(("system", "mode", "query", *evaluation.measures, "positives"), list(rows))


def comparison_table(comparisons: Iterable[Comparison]) -> ResultTable:
    """Return a row for each score: its difference to the baseline, the 95% interval of that, and the conditions."""
    rows = (
        {
            "benchmark": comparison.benchmark,
            "mode": comparison.mode,
            "queries": comparison.queries,
            "run": score.run,
            "system": score.method,
            "label": score.label,
            "dimension": score.dimension,
            "measure": comparison.measure,
            "value": score.value,
            "difference": None if score.difference is None else score.difference.mean,
            "low": None if score.difference is None else score.difference.low,
            "high": None if score.difference is None else score.difference.high,
            "verdict": score.verdict,
            **comparison.conditions,
        }
        for comparison in comparisons
        for score in comparison.scores
    )
    return ResultTable.of(rows)
