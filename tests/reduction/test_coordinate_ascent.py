"""Coordinate ascent against trying everything."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.reduction.coordinate_ascent import coordinate_ascent

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize("target", [(0.5, 1.0), (0.25, 0.75, 0.0), (1.0, 1.0, 1.0)])
def test_one_hill_is_climbed_to_its_top(target: tuple[float, ...]) -> None:
    def score(weights: tuple[float, ...]) -> float:
        distances = [w - t for w, t in zip(weights, target, strict=True)]
        return -sum(d * d for d in distances) + 0.1 * distances[0] * distances[-1]

    found, value = coordinate_ascent(score, len(target), GRID)

    top = max((weights for weights in product(GRID, repeat=len(target)) if any(weights)), key=score)
    assert found == top == target
    assert value == score(top)


@given(values=st.lists(st.integers(0, 9), min_size=25, max_size=25))
def test_no_single_change_of_the_result_scores_better(values: list[int]) -> None:
    scores: dict[tuple[float, ...], float] = dict(zip(product(GRID, repeat=2), map(float, values), strict=True))

    found, value = coordinate_ascent(scores.__getitem__, 2, GRID)

    single = [(weight, found[1]) for weight in GRID] + [(found[0], weight) for weight in GRID]
    assert value == scores[found] == max(scores[changed] for changed in single if any(changed))
    assert value >= scores[1.0, 1.0]


def test_equal_scores_leave_equal_weights() -> None:
    assert coordinate_ascent(lambda _: 7.0, 3, GRID) == ((1.0, 1.0, 1.0), 7.0)


def test_a_second_round_uses_what_the_first_found() -> None:
    """The first weight pays off only once the second has changed."""
    values: dict[tuple[float, ...], float] = {(1.0, 1.0): 0.0, (0.5, 1.0): -1.0, (1.0, 0.5): 1.0, (0.5, 0.5): 2.0}

    assert coordinate_ascent(values.__getitem__, 2, (0.5, 1.0)) == ((0.5, 0.5), 2.0)


def test_all_weights_zero_are_never_tried() -> None:
    tried = []

    def score(weights: tuple[float, ...]) -> float:
        tried.append(weights)
        return -sum(weights)

    found, _ = coordinate_ascent(score, 2, (0.0, 1.0))

    assert found == (0.0, 1.0)
    assert (0.0, 0.0) not in tried
