"""How queries fared, read from what an evaluation has left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.config import Distance
from osrmac.evaluation.pr_curve import mean_precision
from osrmac.storage import filesystem, shards
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult

__all__ = ["SearchResult", "StoredQueryResults"]


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        method: Name of the method that images were compared by.
        distance: How two vectors were compared.
        queries: The outcome of each query, in the order in which they were given.
    """

    method: str
    distance: Distance
    queries: tuple[QueryResult, ...]

    def __iter__(self) -> Iterator[QueryResult]:
        return iter(self.queries)

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, place: int) -> QueryResult:
        return self.queries[place]


class StoredQueryResults:
    """The answers to the queries of an evaluation.

    Args:
        run: That was scored.
        name: Of the evaluation.
    """

    def __init__(self, run: Run, name: str) -> None:
        self._file = run.evaluation(name, "-queries.parquet")

    @property
    def told(self) -> bool:
        """Whether the file is there and says which images were found, as older ones do not."""
        return filesystem.exists(self._file) and "ranks" in shards.footer(self._file).schema.to_arrow_schema().names

    def precision(self, methods: Mapping[str, str], mode: str) -> dict[str, list[float]]:
        """The mean precision of each system at `osrmac.evaluation.pr_curve.RECALLS`, by label.

        Args:
            methods: Label of each by name.
            mode: Of the queries.
        """
        found = shards.read(self._file, ["system", "mode", "ranks", "positives"])
        of_each = {label: _of(found, method, mode) for method, label in methods.items()}
        return {
            label: mean_precision(zip(rows["ranks"].to_pylist(), rows["positives"].to_pylist(), strict=True))
            for label, rows in of_each.items()
            if rows.num_rows
        }

    def ranked(self, method: str, mode: str, measure: str) -> list[QueryResult]:
        """Return the results of a method, the best first; of equal ones, those with the most positives first."""
        columns = ["query", measure, "positives", "image", "box", "ranks", "nearest"]
        rows = _of(shards.read(self._file, ["system", "mode", *columns]), method, mode)
        order = [(measure, "descending"), ("positives", "descending"), ("query", "ascending")]
        return [_result(row, measure) for row in rows.sort_by(order).to_pylist()]


def _result(row: Mapping[str, Any], measure: str) -> QueryResult:
    matches = [Match(match["id"], rank, verdict=match["verdict"]) for rank, match in enumerate(row["nearest"], 1)]
    return QueryResult(
        row["query"],
        tuple(matches),
        image=row["image"],
        box=None if row["box"] is None else tuple(row["box"]),
        values={measure: row[measure]},
        positives=row["positives"],
        ranks=tuple(row["ranks"]),
    )


def _of(rows: pa.Table, method: str, mode: str) -> pa.Table:
    return rows.filter((pc.field("system") == method) & (pc.field("mode") == mode))
