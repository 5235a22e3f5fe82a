"""Control selections: random features, and those of largest variance."""

import numpy as np
import pytest

from osrmac.reduction.baselines import random_features, top_variance_features
from osrmac.reduction.moments import Moments


@pytest.mark.parametrize("kept", [1, 5, 20])
def test_a_random_choice_is_sorted_distinct_and_reproducible(kept: int) -> None:
    chosen = random_features(20, kept, seed=3)

    assert len(chosen) == kept
    assert list(chosen) == sorted(set(chosen))
    assert set(chosen) <= set(range(20))
    np.testing.assert_array_equal(random_features(20, kept, seed=3), chosen)


def test_every_feature_can_be_chosen() -> None:
    choices = [random_features(20, 5, seed) for seed in range(40)]

    assert set(np.concatenate(choices)) == set(range(20))


def test_features_of_largest_variance_are_kept() -> None:
    samples = np.array([[1.0, 7.0, -4.0, 0.0], [2.0, 7.0, 4.0, 3.0]])

    assert list(top_variance_features(Moments.of(samples), 2)) == [2, 3]


def test_ties_in_variance_go_to_the_lower_index() -> None:
    moments = Moments(2, np.zeros(5), np.diag([1.0, 2.0, 1.0, 2.0, 1.0]))

    assert list(top_variance_features(moments, 3)) == [0, 1, 3]
