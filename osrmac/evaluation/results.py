"""Scores with everything that an honest score must name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Self

from osrmac.types import QueryResult

__all__ = ["Evaluation", "Score"]


@dataclass(frozen=True)
class Score:
    """Mean score of one method in one query mode.

    Attributes:
        method: Name of the method, or of foreign rankings.
        label: The method in words.
        mode: The query mode.
        dimension: Length of the descriptors, if known.
        queries: Number of queries.
        values: Mean over the queries, by measure.
        results: One for each query; empty where the score was read from a file.
    """

    method: str
    label: str
    mode: str
    dimension: int | None
    queries: int
    values: Mapping[str, float]
    results: tuple[QueryResult, ...] = ()

    @classmethod
    def of(cls, method: str, label: str, mode: str, dimension: int | None, results: Sequence[QueryResult]) -> Self:
        """Average the results of at least one query."""
        values = {measure: fmean(result.values[measure] for result in results) for measure in results[0].values}
        return cls(method, label, mode, dimension, len(results), values, tuple(results))


@dataclass(frozen=True)
class Evaluation:
    """Scores of several methods under one benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        measures: Measures of the benchmark, the main one first.
        coverage: Which part of the benchmark's collection was ranked.
        conditions: What else the scores depend on, in words.
        scores: By method and mode.
    """

    benchmark: str
    measures: tuple[str, ...]
    coverage: str
    conditions: Mapping[str, str]
    scores: tuple[Score, ...]

    @property
    def measure(self) -> str:
        """The main measure."""
        return self.measures[0]

    @property
    def modes(self) -> list[str]:
        """The query modes, in order."""
        return list(dict.fromkeys(score.mode for score in self.scores))

    def to_json(self) -> dict[str, Any]:
        """The scores under their stored names, without the result of each query."""
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
                    "values": {measure: score.values[measure] for measure in self.measures},
                }
                for score in self.scores
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The evaluation that `to_json` stored."""
        known = {"benchmark", "measures", "coverage", "scores"}
        return cls(
            values["benchmark"],
            tuple(values["measures"]),
            values["coverage"],
            {name: value for name, value in values.items() if name not in known},
            tuple(
                Score(each["system"], each["label"], each["mode"], each["dimension"], each["queries"], each["values"])
                for each in values["scores"]
            ),
        )
