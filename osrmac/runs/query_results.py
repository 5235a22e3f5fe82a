"""Outcomes of queries: of a search, and of an evaluation that a run stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.config import Distance
from osrmac.evaluation.pr_curve import mean_precision
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult

__all__ = ["SearchResult", "StoredQueryResults"]


@dataclass(frozen=True)
class SearchResult:
    """Outcome of a search: a sequence of query results, in the order of the queries.

    Attributes:
        method: Name of the method that images were compared by.
        distance: Distance between two vectors.
        queries: Result of each query.
    """

    method: str
    distance: Distance
    queries: tuple[QueryResult, ...]

    def __iter__(self) -> Iterator[QueryResult]:
        return iter(self.queries)

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: int) -> QueryResult:
        return self.queries[index]


class StoredQueryResults:
    """Query results of an evaluation, read from `RUN/evaluation/NAME-queries.parquet`.

    Args:
        run: Run that stores the evaluation.
        name: Name of the evaluation.
    """

    def __init__(self, run: Run, name: str) -> None:
        self._file = run.evaluation(name, "-queries.parquet")

    @property
    def available(self) -> bool:
        """Whether the file exists and holds ranks and matches, which the earliest versions did not store."""
        return self._file.exists() and "ranks" in shards.footer(self._file).schema.to_arrow_schema().names

    def precision(self, methods: Mapping[str, str], mode: str) -> dict[str, list[float]]:
        """Return the mean precision of methods at `osrmac.evaluation.pr_curve.RECALLS`, by label.

        Args:
            methods: Label of each method, by name; methods that were not evaluated are left out.
            mode: Query mode.
        """
        rows = shards.read(self._file, ["system", "mode", "ranks", "positives"])
        by_label = {label: _select(rows, method, mode) for method, label in methods.items()}
        return {
            label: mean_precision(zip(results["ranks"].to_pylist(), results["positives"].to_pylist(), strict=True))
            for label, results in by_label.items()
            if results.num_rows
        }

    def ranked(self, method: str, mode: str, measure: str) -> list[QueryResult]:
        """Return the results of a method in a query mode, best first; ties by number of positives, then by name.

        The results hold the value of this measure only.
        """
        columns = ["query", measure, "positives", "image", "box", "ranks", "nearest"]
        rows = _select(shards.read(self._file, ["system", "mode", *columns]), method, mode)
        order = [(measure, "descending"), ("positives", "descending"), ("query", "ascending")]
        return [_query_result(row, measure) for row in rows.sort_by(order).to_pylist()]


def _select(rows: pa.Table, method: str, mode: str) -> pa.Table:
    return rows.filter((pc.field("system") == method) & (pc.field("mode") == mode))


def _query_result(row: Mapping[str, Any], measure: str) -> QueryResult:
    matches = (Match(match["id"], rank, verdict=match["verdict"]) for rank, match in enumerate(row["nearest"], 1))
    return QueryResult(
        row["query"],
        tuple(matches),
        image=row["image"],
        box=None if row["box"] is None else tuple(row["box"]),
        values={measure: row[measure]},
        positives=row["positives"],
        ranks=tuple(row["ranks"]),
    )
