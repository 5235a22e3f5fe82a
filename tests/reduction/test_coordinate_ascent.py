"""Coordinate ascent against an exhaustive search of the grid."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.reduction.coordinate_ascent import coordinate_ascent

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize("target", [(0.5, 1.0), (0.25, 0.75, 0.0), (1.0, 1.0, 1.0)])
def test_a_single_maximum_is_found(target: tuple[float, ...]) -> None:
    def score(weights: tuple[float, ...]) -> float:
        distances = [w - t for w, t in zip(weights, target, strict=True)]
        return -sum(d * d for d in distances) + 0.1 * distances[0] * distances[-1]

    best, value = coordinate_ascent(score, len(target), GRID)

    top = max((weights for weights in product(GRID, repeat=len(target)) if any(weights)), key=score)
    assert best == top == target
    assert value == score(top)


@given(values=st.lists(st.integers(0, 9), min_size=25, max_size=25))
def test_no_change_of_a_single_weight_scores_better(values: list[int]) -> None:
    scores: dict[tuple[float, ...], float] = dict(zip(product(GRID, repeat=2), map(float, values), strict=True))

    best, value = coordinate_ascent(scores.__getitem__, 2, GRID)

    single = [(weight, best[1]) for weight in GRID] + [(best[0], weight) for weight in GRID]
    assert value == scores[best] == max(scores[changed] for changed in single if any(changed))
    assert value >= scores[1.0, 1.0]


def test_equal_scores_keep_all_weights_at_one() -> None:
    assert coordinate_ascent(lambda _: 7.0, 3, GRID) == ((1.0, 1.0, 1.0), 7.0)


def test_a_second_round_starts_from_the_result_of_the_first() -> None:
    """Changing the first weight helps only after the second has changed."""
    values: dict[tuple[float, ...], float] = {(1.0, 1.0): 0.0, (0.5, 1.0): -1.0, (1.0, 0.5): 1.0, (0.5, 0.5): 2.0}

    assert coordinate_ascent(values.__getitem__, 2, (0.5, 1.0)) == ((0.5, 0.5), 2.0)


def test_all_weights_zero_are_never_tried() -> None:
    evaluated = []

    def score(weights: tuple[float, ...]) -> float:
        evaluated.append(weights)
        return -sum(weights)

    best, _ = coordinate_ascent(score, 2, (0.0, 1.0))

    assert best == (0.0, 1.0)
    assert (0.0, 0.0) not in evaluated
