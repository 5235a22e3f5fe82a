"""Bootstrap intervals against scipy, an enumeration of all resamples, and hand-computed cases."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from osrmac.evaluation import bootstrap
from osrmac.evaluation.bootstrap import Difference, paired_differences

VALUES = np.random.default_rng(1).normal(60, 20, (3, 40))


def test_intervals_equal_those_of_scipy() -> None:
    """With the same generator both draw the same queries."""
    found = paired_differences(VALUES, 1, resamples=500, seed=3)
    for system in (0, 2):
        expected = stats.bootstrap(
            (VALUES[system], VALUES[1]),
            lambda ours, theirs, axis=-1: np.mean(ours - theirs, axis=axis),
            paired=True,
            vectorized=True,
            method="percentile",
            n_resamples=500,
            rng=np.random.default_rng(3),
        ).confidence_interval
        assert found[system].mean == pytest.approx(np.mean(VALUES[system] - VALUES[1]))
        assert (found[system].low, found[system].high) == pytest.approx((expected.low, expected.high))


def test_memory_is_bounded_without_other_results(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = paired_differences(VALUES, 0, resamples=100)
    monkeypatch.setattr(bootstrap, "_DRAWN_AT_ONCE", 90)
    found = paired_differences(VALUES, 0, resamples=100)
    for one, other in zip(found, expected, strict=True):
        assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_many_resamples_approach_the_distribution_of_all_of_them() -> None:
    differences = np.array([1.0, 4.0, -2.0, 9.0])
    every = [np.mean(drawn) for drawn in product(differences, repeat=4)]
    _, found = paired_differences(np.stack([np.zeros(4), differences]), 0, resamples=20_000, confidence=0.8)
    assert found.mean == 3
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(every, [10, 90])), abs=0.26)


def test_two_queries_have_hand_computed_intervals() -> None:
    """Of the four resamples of the differences 0 and 1, one has the mean 0, two have 1/2, and one has 1."""
    _, found = paired_differences(np.array([[5.0, 7.0], [5.0, 8.0]]), 0)
    assert found == Difference(0.5, 0.0, 1.0)
    _, narrow = paired_differences(np.array([[5.0, 7.0], [5.0, 8.0]]), 0, confidence=0.4)
    assert narrow == Difference(0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (Difference(1, 0.1, 2), "better"),
        (Difference(1, 0.0, 2), "within chance"),
        (Difference(0, 0, 0), "within chance"),
        (Difference(-1, -2, 0.0), "within chance"),
        (Difference(-1, -2, -0.1), "worse"),
    ],
)
def test_a_difference_is_beyond_chance_if_its_interval_excludes_zero(difference: Difference, verdict: str) -> None:
    assert difference.verdict == verdict


def test_a_constant_difference_is_certain_and_the_baseline_has_none() -> None:
    base, other = paired_differences(np.stack([VALUES[0], VALUES[0] + 2]), 0, resamples=50)
    assert base == Difference(0, 0, 0)
    assert (other.mean, other.low, other.high) == pytest.approx((2, 2, 2))
