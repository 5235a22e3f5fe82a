"""Scores of reductions as a function of their dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any, Self

__all__ = ["WHOLE_DESCRIPTOR", "Point", "Sweep"]

WHOLE_DESCRIPTOR = "whole descriptor"
"""Method of the point that is scored without a reduction."""


@dataclass(frozen=True)
class Point:
    """Score of one reduction.

    Attributes:
        method: `leverage`, `pfa`, `variance`, `whitening`, `random`, or `WHOLE_DESCRIPTOR`.
        features: Number of features or axes kept.
        seed: Seed of a random choice; 0 for the other methods.
        mode: Query mode.
        value: Score, in the measure of the sweep.
    """

    method: str
    features: int
    seed: int
    mode: str
    value: float


@dataclass(frozen=True)
class Sweep:
    """Scores of one descriptor under one benchmark, reduced to several sizes by several methods.

    Attributes:
        benchmark: Name of the benchmark.
        measure: Measure of all scores.
        recipe: Recipe of the descriptor.
        conditions: Conditions of the scores, such as coverage, backbone and distance.
        points: One score for each method, size, seed and query mode.
    """

    benchmark: str
    measure: str
    recipe: str
    conditions: dict[str, str]
    points: tuple[Point, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the sweep whose `asdict` was stored as JSON."""
        return cls(**{**values, "points": tuple(Point(**point) for point in values["points"])})

    def curve(self, method: str, mode: str) -> list[tuple[int, float, float]]:
        """Return (number of features, mean, standard deviation over the seeds) of a method, by number of features."""
        values: dict[int, list[float]] = {}
        for point in self.points:
            if (point.method, point.mode) == (method, mode):
                values.setdefault(point.features, []).append(point.value)
        return [(features, fmean(scores), pstdev(scores)) for features, scores in sorted(values.items())]
