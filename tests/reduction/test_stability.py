"""Overlap of feature selections."""

import numpy as np
import pytest

from osrmac.reduction.baselines import random_features
from osrmac.reduction.stability import mean_overlap, overlap_by_chance


def test_overlap_of_equal_disjoint_and_mixed_selections() -> None:
    assert mean_overlap([[3, 1], [1, 3], [1, 3]]) == 1
    assert mean_overlap([[0], [1]]) == 0
    assert mean_overlap([[0, 1], [0, 1], [2, 3]]) == pytest.approx(1 / 3)


def test_random_selections_overlap_as_expected_by_chance() -> None:
    selections = [random_features(400, 100, seed).tolist() for seed in range(20)]
    assert mean_overlap(selections) == pytest.approx(overlap_by_chance(100, 400), abs=0.01)
    assert np.isclose(overlap_by_chance(400, 400), 1)
