"""Scores of several methods and runs on the same queries, and which differences are beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from osrmac.errors import BenchmarkError, ConfigError
from osrmac.evaluation.bootstrap import Difference, paired_differences
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["ComparedScore", "Comparison", "Contender", "compare_scores"]

BEST, FIRST = "best", "first"
"""Baselines that are not named: the highest score, and the first one given."""


@dataclass(frozen=True)
class Contender:
    """A method of a run, with its score for every query.

    Attributes:
        run: Short name of the run.
        method: Name of the method.
        label: The method in words.
        dimension: Length of its descriptors; None for rankings.
        values: Score by query.
        positives: Number of relevant images by query.
    """

    run: str
    method: str
    label: str
    dimension: int | None
    values: dict[str, float]
    positives: dict[str, int]

    @property
    def name(self) -> str:
        """Name by which a baseline can be chosen."""
        return f"{self.run}:{self.method}"


@dataclass(frozen=True)
class ComparedScore:
    """Mean score of a method, and its difference to the baseline.

    Attributes:
        run: Short name of the run.
        method: Name of the method.
        label: The method in words.
        dimension: Length of its descriptors; None for rankings.
        value: Mean score over the common queries.
        difference: Difference to the baseline; None for the baseline itself.
    """

    run: str
    method: str
    label: str
    dimension: int | None
    value: float
    difference: Difference | None

    @property
    def verdict(self) -> str:
        """`baseline`, `better`, `worse`, or `within chance`."""
        return "baseline" if self.difference is None else self.difference.verdict


@dataclass(frozen=True)
class Comparison:
    """Scores of several methods in one query mode, the highest first.

    Attributes:
        benchmark: Name of the evaluation.
        mode: Query mode.
        measure: Measure of the scores.
        queries: Number of queries that all methods have in common.
        scores: The scores.
        conditions: Conditions of the scores by name; those that differ between the runs name them.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resampling.
    """

    benchmark: str
    mode: str
    measure: str
    queries: int
    scores: tuple[ComparedScore, ...]
    conditions: dict[str, str]
    resamples: int
    seed: int

    @property
    def baseline(self) -> ComparedScore:
        """The score that the others are compared with."""
        return next(score for score in self.scores if score.difference is None)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return {
            **{name: value for name, value in asdict(self).items() if name != "scores"},
            "baseline": {"run": self.baseline.run, "system": self.baseline.method},
            "scores": [
                {
                    "run": score.run,
                    "system": score.method,
                    "label": score.label,
                    "dimension": score.dimension,
                    "value": score.value,
                    **(asdict(score.difference) if score.difference else {"mean": 0.0, "low": 0.0, "high": 0.0}),
                    "verdict": score.verdict,
                }
                for score in self.scores
            ],
        }

    def table(self) -> Table:
        """Return the comparison as a table, one row for each score."""
        several = len({score.run for score in self.scores}) > 1
        rows = [[*([score.run] if several else []), *self._cells(score)] for score in self.scores]
        names = ("run", "method") if several else ("method",)
        columns = text(*names) + numeric("dims", self.measure, "difference", "interval") + text("verdict")
        notes = [
            f"queries: {self.queries} {self.mode}",
            f"interval: 95%, by {self.resamples} resamples of the queries, seed {self.seed}; one in twenty misses the "
            "true difference",
            *(f"{name}: {value}" for name, value in self.conditions.items()),
        ]
        return Table(f"{self.benchmark}, {self.mode}", columns, rows, notes)

    def _cells(self, score: ComparedScore) -> list[str | Cell]:
        value = Cell(f"{score.value:.2f}", best=score.value == self.scores[0].value)
        dimension = f"{score.dimension:,}" if score.dimension else ""
        if score.difference is None:
            return [score.label, dimension, value, "", "", score.verdict]
        mean, low, high = score.difference.mean, score.difference.low, score.difference.high
        return [score.label, dimension, value, f"{mean:+.2f}", f"[{low:+.2f}, {high:+.2f}]", score.verdict]


def compare_scores(
    benchmark: str,
    mode: str,
    measure: str,
    contenders: Sequence[Contender],
    conditions: dict[str, str],
    *,
    baseline: str = BEST,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare methods over the queries that all of them have.

    Args:
        benchmark: Name of the evaluation.
        mode: Query mode.
        measure: Measure of the scores.
        contenders: Methods to compare, at least one.
        conditions: Conditions of the scores.
        baseline: `best`, `first`, or the name of a method, with its run as `RUN:METHOD` if several runs have it.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resampling.

    Raises:
        BenchmarkError: There is no common query, or a query has other relevant images elsewhere.
        ConfigError: No method, or several, have the name of the baseline.
    """
    queries = sorted(set.intersection(*(set(contender.values) for contender in contenders)))
    if not queries:
        raise BenchmarkError(
            f"there is no {mode} query of {benchmark} that all runs have: score them on the same images"
        )
    _check_positives(benchmark, queries, contenders)
    values = np.array([[contender.values[query] for query in queries] for contender in contenders])
    means = values.mean(axis=1)
    chosen = _baseline(contenders, means.tolist(), baseline)
    differences = paired_differences(values, chosen, resamples=resamples, seed=seed)
    scores = [
        ComparedScore(
            contender.run,
            contender.method,
            contender.label,
            contender.dimension,
            float(means[row]),
            None if row == chosen else differences[row],
        )
        for row, contender in enumerate(contenders)
    ]
    ordered = tuple(sorted(scores, key=lambda score: -score.value))
    return Comparison(benchmark, mode, measure, len(queries), ordered, conditions, resamples, seed)


def _check_positives(benchmark: str, queries: Sequence[str], contenders: Sequence[Contender]) -> None:
    first, *others = contenders
    for other in others:
        for query in queries:
            ours, theirs = first.positives[query], other.positives[query]
            if ours != theirs:
                raise BenchmarkError(
                    f"query {query!r} of {benchmark} has {ours} relevant images in {first.run}, and {theirs} in "
                    f"{other.run}: score both with osrmac evaluate on the same images and ground truth"
                )


def _baseline(contenders: Sequence[Contender], means: Sequence[float], wanted: str) -> int:
    """Return the row of the baseline."""
    if wanted == BEST:
        return max(range(len(means)), key=means.__getitem__)
    if wanted == FIRST:
        return 0
    rows = [row for row, contender in enumerate(contenders) if wanted in (contender.name, contender.method)]
    if len(rows) != 1:
        names = ", ".join(contender.name for contender in contenders)
        raise ConfigError(f"--baseline {wanted} names {len(rows)} methods: choose one of best, first, {names}")
    return rows[0]
