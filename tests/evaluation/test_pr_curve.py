"""Interpolated precision, against its definition."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from osrmac.evaluation.pr_curve import RECALLS, interpolated_precision, mean_precision


@given(st.sets(st.integers(0, 60), max_size=20), st.integers(0, 5))
def test_interpolated_precision_is_the_highest_at_or_beyond_each_recall(ranks: set[int], missed: int) -> None:
    positives = max(1, len(ranks) + missed)
    reached = [(Fraction(number, positives), number / (rank + 1)) for number, rank in enumerate(sorted(ranks), start=1)]
    expected = [
        max((precision for recall, precision in reached if recall >= Fraction(step, 10)), default=0.0)
        for step in range(11)
    ]
    np.testing.assert_allclose(interpolated_precision(ranks, positives), expected)


def test_mean_precision_averages_each_recall_level() -> None:
    assert mean_precision([([0], 1), ([3], 1)]) == [0.625] * 11
    assert RECALLS[3] == 0.3
