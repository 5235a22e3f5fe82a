"""How much selections have in common."""

import numpy as np
import pytest

from osrmac.reduction.baselines import random_features
from osrmac.reduction.stability import mean_overlap, overlap_by_chance


def test_the_same_and_nothing_in_common() -> None:
    assert mean_overlap([[3, 1], [1, 3], [1, 3]]) == 1
    assert mean_overlap([[0], [1]]) == 0
    assert mean_overlap([[0, 1], [0, 1], [2, 3]]) == pytest.approx(1 / 3)


def test_random_choices_share_what_chance_gives() -> None:
    chosen = [random_features(400, 100, seed).tolist() for seed in range(20)]
    assert mean_overlap(chosen) == pytest.approx(overlap_by_chance(100, 400), abs=0.01)
    assert np.isclose(overlap_by_chance(400, 400), 1)
