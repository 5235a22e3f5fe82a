"""Scores of an evaluation, with the conditions under which they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any, Self

from osrmac.types import QueryResult

__all__ = ["Evaluation", "Score"]


@dataclass(frozen=True)
class Score:
    """Mean score of one method in one query mode.

    Attributes:
        method: Name of the method, or of the folder of rankings.
        label: Description of the method.
        mode: Query mode.
        dimension: Length of the descriptors; None for rankings.
        queries: Number of queries.
        values: Mean over the queries, by measure.
        results: Result of each query; empty if the score was read from a file.
        digest: Digest of the method's reduction; None without one, and for scores of earlier versions.
        earlier_fit: Whether the run's reduction of this name has been fitted again since.
        spread: Standard deviation over the seeds of a method that depends on one, by measure; the values are then means
            over the seeds. None for other methods, and for scores of earlier versions.
        seeds: Number of these seeds; 1 for other methods.
    """

    method: str
    label: str
    mode: str
    dimension: int | None
    queries: int
    values: Mapping[str, float]
    results: tuple[QueryResult, ...] = ()
    digest: str | None = None
    earlier_fit: bool = False
    spread: Mapping[str, float] | None = None
    seeds: int = 1

    @classmethod
    def of(
        cls,
        method: str,
        label: str,
        mode: str,
        dimension: int | None,
        results: Sequence[QueryResult],
        digest: str | None = None,
    ) -> Self:
        """Return the mean score over the results of at least one query."""
        values = {measure: fmean(result.values[measure] for result in results) for measure in results[0].values}
        return cls(method, label, mode, dimension, len(results), values, tuple(results), digest)

    @classmethod
    def mean_of(cls, draws: Sequence[Self]) -> Self:
        """Return the mean over the scores of one method with several seeds, and their spread.

        The results have the mean values of each query, and the matches and ranks of the first seed.
        """
        first = draws[0]
        if len(draws) == 1:
            return first
        values = {measure: fmean(draw.values[measure] for draw in draws) for measure in first.values}
        spread = {measure: stdev(draw.values[measure] for draw in draws) for measure in first.values}
        results = tuple(_mean_result(of_query) for of_query in zip(*(draw.results for draw in draws), strict=True))
        return replace(first, values=values, results=results, spread=spread, seeds=len(draws))

    def shown(self, measure: str) -> str:
        """Return the value of a measure, with its spread if it has one."""
        spread = "" if self.spread is None else f" ± {self.spread[measure]:.2f}"
        return f"{self.values[measure]:.2f}{spread}"

    @property
    def marked_label(self) -> str:
        """Label, marked if the score is that of an earlier fit: see `Evaluation.remarks`."""
        return f"{self.label} (earlier fit)" if self.earlier_fit else self.label


def _mean_result(draws: Sequence[QueryResult]) -> QueryResult:
    values = {measure: fmean(draw.values[measure] for draw in draws) for measure in draws[0].values}
    return replace(draws[0], values=values)


@dataclass(frozen=True)
class Evaluation:
    """Scores of several methods under one benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        measures: Measures of the benchmark, the main one first.
        coverage: Part of the benchmark's collection that was ranked, such as `1100 of 5062 images`.
        conditions: Other conditions of the scores by name, such as the distance.
        scores: Score of each method in each query mode.
    """

    benchmark: str
    measures: tuple[str, ...]
    coverage: str
    conditions: Mapping[str, str]
    scores: tuple[Score, ...]

    @property
    def measure(self) -> str:
        """Main measure."""
        return self.measures[0]

    @property
    def modes(self) -> list[str]:
        """Query modes, in the order of the scores."""
        return list(dict.fromkeys(score.mode for score in self.scores))

    @property
    def remarks(self) -> dict[str, str]:
        """Explanation of the marks of scores, by mark."""
        remarks = {}
        if any(score.earlier_fit for score in self.scores):
            remarks["earlier fit"] = "the reduction has been fitted again since it was scored"
        if (seeds := max((score.seeds for score in self.scores), default=1)) > 1:
            remarks["±"] = f"mean and standard deviation over {seeds} seeds"
        return remarks

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation under its stored names, without the results of single queries."""
        return {
            "benchmark": self.benchmark,
            "measures": list(self.measures),
            "coverage": self.coverage,
            **self.conditions,
            "scores": [
                {
                    "system": score.method,
                    "label": score.label,
                    "mode": score.mode,
                    "dimension": score.dimension,
                    "queries": score.queries,
                    "digest": score.digest,
                    "values": {measure: score.values[measure] for measure in self.measures},
                    **({} if score.spread is None else {"spread": dict(score.spread), "seeds": score.seeds}),
                }
                for score in self.scores
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the evaluation that `to_json` stored."""
        fields = {"benchmark", "measures", "coverage", "scores"}
        return cls(
            values["benchmark"],
            tuple(values["measures"]),
            values["coverage"],
            {name: value for name, value in values.items() if name not in fields},
            tuple(
                Score(
                    row["system"],
                    row["label"],
                    row["mode"],
                    row["dimension"],
                    row["queries"],
                    row["values"],
                    digest=row.get("digest"),
                    spread=row.get("spread"),
                    seeds=row.get("seeds", 1),
                )
                for row in values["scores"]
            ),
        )
