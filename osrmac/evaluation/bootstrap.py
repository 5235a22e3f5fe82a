"""Confidence intervals of the difference of two mean scores over the same queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "paired_differences"]

_DRAWN_AT_ONCE = 2_000_000
"""Queries that are drawn at once, which bounds the memory."""


@dataclass(frozen=True)
class Difference:
    """A difference of two mean scores with its confidence interval.

    Attributes:
        mean: The difference; positive where the score is higher than that of the baseline.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> Literal["better", "worse", "within chance"]:
        """Whether the interval lies on one side of zero."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "within chance"


def paired_differences(
    values: NDArray[np.float64], baseline: int, *, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> list[Difference]:
    """Return the difference of each system's mean score to that of a baseline, with its bootstrap interval.

    The queries are resampled with replacement, the same ones for all systems, and the interval is between percentiles
    of the resampled differences (Efron and Tibshirani 1993, chapter 13; paired, as in Smucker, Allan and Carterette,
    CIKM 2007). It tells what could have come out with other queries of this kind, not with other images.

    Args:
        values: Score of each system for each query, (systems, queries), with at least one query.
        baseline: Row of the baseline, whose own difference is zero.
        resamples: Number of resamples.
        seed: Seed of the resampling.
        confidence: Probability of the interval, in 0..1.
    """
    differences = values - values[baseline]
    means = np.concatenate([counts @ differences.T for counts in _resampled(values.shape[1], resamples, seed)])
    means /= values.shape[1]
    tail = 50 * (1 - confidence)
    lows, highs = np.percentile(means, [tail, 100 - tail], axis=0)
    ends = zip(differences.mean(axis=1).tolist(), lows.tolist(), highs.tolist(), strict=True)
    return [Difference(mean, low, high) for mean, low, high in ends]


def _resampled(queries: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each query is drawn, (some resamples, queries)."""
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWN_AT_ONCE // queries)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = rng.integers(0, queries, (count, queries))
        drawn += queries * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * queries).reshape(count, queries).astype(np.float64)
