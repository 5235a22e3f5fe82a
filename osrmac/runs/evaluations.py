"""The evaluations that a run stores: scores, sweeps, and the result of each query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.evaluation.pr_curve import mean_precision
from osrmac.evaluation.query_groups import query_groups
from osrmac.evaluation.results import Evaluation
from osrmac.evaluation.sweep import Sweep
from osrmac.runs.methods import method_digests
from osrmac.storage import shards
from osrmac.storage.damage import expected_content
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult

__all__ = ["StoredQueryResults", "load_evaluations", "load_sweeps"]

_Stored = TypeVar("_Stored")


def load_evaluations(run: Run) -> dict[str, Evaluation]:
    """Return the stored evaluations of a run, in order of name.

    The name is that of the benchmark, or of the foreign rankings that were scored; the files of an evaluation begin
    with it (`RUN/evaluation/NAME.json`, `NAME-queries.parquet`). Scores of a reduction that has been fitted again since
    are marked.
    """
    current = method_digests(run)
    return {name: _marked(stored, current) for name, stored in _load(run, "scores", Evaluation.from_json)}


def _marked(evaluation: Evaluation, current: Mapping[str, str]) -> Evaluation:
    """Mark the scores whose reduction does not have the current digest of its name."""
    scores = (
        replace(score, earlier_fit=score.digest not in (None, current.get(score.method))) for score in evaluation.scores
    )
    return replace(evaluation, scores=tuple(scores))


def load_sweeps(run: Run) -> list[Sweep]:
    """Return the stored sweeps over the number of features kept, in order of name."""
    return [sweep for _, sweep in _load(run, "points", Sweep.from_json)]


def _load(run: Run, key: str, from_json: Callable[[Mapping[str, Any]], _Stored]) -> Iterator[tuple[str, _Stored]]:
    """Yield what the JSON files with a key hold, with its name."""
    for name, values in run.evaluations().items():
        if key in values:
            with expected_content(run.evaluation(name, ".json").url):
                stored = from_json(values)
            yield name, stored


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

    def groups(self) -> dict[str, int]:
        """Return the group of each query, by name: see `osrmac.evaluation.query_groups`.

        Earlier versions did not store it. It is then found from the query image and the relevant images that any method
        ranked among the first.
        """
        if "group" in shards.footer(self._file).schema.to_arrow_schema().names:
            rows = shards.read(self._file, ["query", "group"])
            return dict(zip(rows["query"].to_pylist(), rows["group"].to_pylist(), strict=True))
        known: dict[str, set[str]] = {}
        for row in shards.read(self._file, ["query", "image", "nearest"]).to_pylist():
            relevant = {match["id"] for match in row["nearest"] if match["verdict"] == "relevant"}
            known.setdefault(row["query"], set()).update(relevant, [row["image"] or row["query"]])
        return dict(zip(known, query_groups(list(known.values())), strict=True))


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
