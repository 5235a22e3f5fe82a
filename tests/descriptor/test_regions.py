"""The region grid of R-MAC against published formulas, and pooling against loops and integral images."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from osrmac.descriptor.regions import (
    Region,
    aggregate_regions,
    mac,
    region_boxes,
    region_grid,
    region_maxima,
    region_power_means,
    rmac,
)

Array = NDArray[np.float64]

LEVELS = (1, 2, 3)

sides = st.integers(1, 40)


def of_level(level: int, height: int, width: int) -> list[Region]:
    return region_grid(height, width, level)[len(region_grid(height, width, level - 1)) :]


def random_maps(height: int = 7, width: int = 10) -> Array:
    """Maps of either sign with a wide range of activations."""
    return np.random.default_rng(0).normal(size=(5, height, width)) ** 3


def unit(vector: Array) -> Array:
    norm = math.sqrt(sum(value * value for value in vector))
    return vector / norm if norm > 0 else vector


def assert_same(actual: Tensor, expected: Array | list[Array], rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected), rtol=rtol, atol=0)


# Boxes in an image


def test_boxes_by_hand() -> None:
    """Cells of 100 x 50 pixels: squares of cells, not of pixels."""
    assert region_boxes(4, 6, (600, 200)) == [
        *((left, 0, left + 400, 200) for left in (0, 200)),
        *((left, top, left + 200, top + 100) for top in (0, 100) for left in (0, 200, 400)),
        *((left, top, left + 200, top + 100) for top in (0, 50, 100) for left in (0, 100, 200, 400)),
    ]


@given(sides, sides, st.integers(40, 5000), st.integers(40, 5000))
def test_boxes_lie_in_the_image_and_the_largest_ones_cover_it(h: int, w: int, width: int, height: int) -> None:
    boxes = region_boxes(h, w, (width, height))

    assert len(boxes) == len(region_grid(h, w))
    assert all(0 <= left < right <= width and 0 <= top < bottom <= height for left, top, right, bottom in boxes)
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    assert (min(lefts), min(tops), max(rights), max(bottoms)) == (0, 0, width, height)


# The grid


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(3, 3, 14), (25, 25, 14), (24, 32, 20), (32, 24, 20), (19, 25, 20), (25, 17, 20), (12, 24, 26)],
)
def test_number_of_regions_is_as_published(height: int, width: int, count: int) -> None:
    assert len(region_grid(height, width)) == count


def test_a_square_grid_by_hand() -> None:
    """Sides of 6, 4 and 3 cells."""
    halves, thirds = (0, 2), (0, 1, 3)

    assert region_grid(6, 6) == [
        (0, 0, 6),
        *((top, left, 4) for top in halves for left in halves),
        *((top, left, 3) for top in thirds for left in thirds),
    ]


def test_an_oblong_grid_by_hand() -> None:
    """Two squares of 4 cells in 6 overlap by 1/2, three by 3/4. Two are nearer to 2/5, so each level has one more."""
    landscape = [
        *((0, left, 4) for left in (0, 2)),
        *((top, left, 2) for top in (0, 2) for left in (0, 2, 4)),
        *((top, left, 2) for top in (0, 1, 2) for left in (0, 1, 2, 4)),
    ]

    assert region_grid(4, 6) == landscape
    assert sorted(region_grid(6, 4)) == sorted((left, top, side) for top, left, side in landscape)


def test_grid_of_one_cell() -> None:
    assert region_grid(1, 1) == [(0, 0, 1)] * 14


@given(sides, sides)
def test_regions_are_inside_the_map_and_reach_its_borders(height: int, width: int) -> None:
    for level in LEVELS:
        tops, lefts, lengths = zip(*of_level(level, height, width), strict=True)

        assert set(lengths) == {max(1, math.floor(2 * min(height, width) / (level + 1)))}
        assert (min(tops), max(tops) + lengths[0]) == (0, height)
        assert (min(lefts), max(lefts) + lengths[0]) == (0, width)


@given(sides, sides)
def test_number_of_regions_along_each_side(height: int, width: int) -> None:
    along_the_longer = len(of_level(1, height, width))

    for level in LEVELS:
        assert len(of_level(level, height, width)) == level * (along_the_longer + level - 1)


@given(sides, sides)
@example(1, 500)
@example(10, 18)
def test_overlap_of_the_largest_squares_is_nearest_to_two_fifths(shorter: int, longer: int) -> None:
    """Of two equally near numbers of squares, as on maps of 10 by 18, the smaller one is used."""
    shorter, longer = sorted((shorter, longer))
    if shorter == longer:
        return

    def distance(count: int) -> Fraction:
        return abs(1 - Fraction(longer - shorter, count - 1) / shorter - Fraction(2, 5))

    count = len(of_level(1, shorter, longer))

    assert count >= 2
    assert all(distance(fewer) > distance(count) for fewer in range(2, count))
    assert all(distance(more) >= distance(count) for more in range(count + 1, 2 * longer + 2))


def published_grid(height: int, width: int) -> list[Region]:
    """The grid of Tolias et al. as implemented by Radenović et al., for up to seven squares along the longer side.

    In fractions, because float32 and float64 break ties between two numbers of squares differently.
    """
    shorter = min(height, width)
    shifts = [Fraction(max(height, width) - shorter, steps - 1) for steps in (2, 3, 4, 5, 6, 7)]
    misses = [abs((shorter**2 - shorter * shift) / shorter**2 - Fraction(2, 5)) for shift in shifts]
    nearest = misses.index(min(misses))

    def corners(length: int, side: int, count: int) -> list[int]:
        shift = Fraction(length - side, count - 1) if count > 1 else Fraction(0)
        centre = math.floor(side / 2 - 1)
        return [math.floor(centre + index * shift) - centre for index in range(count)]

    regions = []
    for level in LEVELS:
        side = math.floor(2 * shorter / (level + 1))
        tops = corners(height, side, level + (nearest + 1 if height > width else 0))
        lefts = corners(width, side, level + (nearest + 1 if width > height else 0))
        regions += [(top, left, side) for top in tops for left in lefts]
    return regions


def test_the_grid_agrees_with_the_published_implementation() -> None:
    for shorter in range(2, 31):
        for longer in range(shorter, 3 * shorter + 1):
            assert region_grid(shorter, longer) == published_grid(shorter, longer)
            assert region_grid(longer, shorter) == published_grid(longer, shorter)


# Maxima


def slow_maxima(maps: Array) -> list[Array]:
    regions = region_grid(*maps.shape[1:])
    return [
        unit(np.array([max(plane[top : top + side, left : left + side].flat) for plane in maps]))
        for top, left, side in regions
    ]


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 3), (7, 10), (9, 9)])
def test_maxima_agree_with_loops(shape: tuple[int, int]) -> None:
    maps = random_maps(*shape)

    expected = slow_maxima(maps)

    assert_same(mac(torch.from_numpy(maps)), unit(np.array([max(plane.flat) for plane in maps])))
    assert_same(region_maxima(torch.from_numpy(maps)), expected)
    assert_same(aggregate_regions(torch.from_numpy(np.array(expected))), unit(np.sum(expected, axis=0)))
    assert_same(rmac(torch.from_numpy(maps)), unit(np.sum(expected, axis=0)))


def test_maxima_by_hand() -> None:
    """The regions of a map of 2 x 2 cells: the map once, each cell once, and the cells again 4, 2, 2 and 1 times."""
    maps = torch.tensor([[[3.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]]], dtype=torch.float64)

    assert_same(mac(maps), np.array([0.6, 0.8]))
    # (0.6, 0.8) once, (1, 0) in the upper cells 5 + 3 times, (0, 1) in the lower left one 3 times.
    assert_same(rmac(maps), unit(np.array([0.6 + 8, 0.8 + 3])))


# Approximate maxima


def slow_powers(maps: Array, alpha: float) -> list[Array]:
    positive = np.maximum(maps, 0)
    regions = region_grid(*maps.shape[1:])
    sums = [(positive[:, top : top + side, left : left + side] ** alpha).sum((1, 2)) for top, left, side in regions]
    return [unit(total ** (1 / alpha)) for total in sums]


def integral_powers(maps: Array, alpha: float) -> list[Array]:
    """The sums of regions from an integral image, as in Tolias et al."""
    corners = np.pad((np.maximum(maps, 0) ** alpha).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    sums = [
        corners[:, top + side, left + side]
        - corners[:, top, left + side]
        - corners[:, top + side, left]
        + corners[:, top, left]
        for top, left, side in region_grid(*maps.shape[1:])
    ]
    return [unit(total ** (1 / alpha)) for total in sums]


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 3), (7, 10), (9, 9)])
@pytest.mark.parametrize("alpha", [1, 2.5, 10])
def test_power_means_agree_with_the_formula(alpha: float, shape: tuple[int, int]) -> None:
    maps = random_maps(*shape)

    assert_same(region_power_means(torch.from_numpy(maps), alpha), slow_powers(maps, alpha), rtol=1e-10)


def test_power_means_agree_with_integral_images() -> None:
    # Differences of cumulative sums are accurate for activations of similar size only.
    maps = np.random.default_rng(0).uniform(0.5, 1, size=(5, 7, 10))

    assert_same(region_power_means(torch.from_numpy(maps)), integral_powers(maps, alpha=10), rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_power_means_approach_the_maxima(dtype: torch.dtype) -> None:
    maps = torch.from_numpy(np.abs(random_maps())).to(dtype)
    exact = region_maxima(maps)

    errors = [float((region_power_means(maps, alpha) - exact).abs().max()) for alpha in (1, 3, 10, 30, 100, 1000)]

    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.1
    assert errors[-1] < 1e-3


def test_power_means_treat_negative_activations_as_zero() -> None:
    maps = torch.from_numpy(random_maps())
    maps[0] = -maps[0].abs()

    approximate = region_power_means(maps)

    assert torch.equal(approximate, region_power_means(maps.clamp(min=0)))
    assert approximate[:, 0].tolist() == [0] * 20
    assert bool((approximate[:, 1:].amax(0) > 0).all())


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_power_means_neither_overflow_nor_vanish(scale: float) -> None:
    """The tenth powers of such activations do, in single precision."""
    maps = random_maps()

    approximate = region_power_means(torch.from_numpy(scale * maps).float())

    np.testing.assert_allclose(approximate.numpy(), slow_powers(maps, alpha=10), rtol=1e-5, atol=1e-7)


def test_power_means_of_a_weak_region_beside_a_strong_cell_are_accurate() -> None:
    maps = np.abs(random_maps()) * 1e-4
    maps[:, 0, 0] = 1e4

    approximate = region_power_means(torch.from_numpy(maps).float())

    np.testing.assert_allclose(approximate.numpy(), slow_powers(maps, alpha=10), rtol=1e-5)


# All functions


@pytest.mark.parametrize("function", [mac, region_maxima, region_power_means, rmac])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 4), (5, 8)])
def test_maps_of_zeros_give_zeros(function: Callable[[Tensor], Tensor], shape: tuple[int, int]) -> None:
    result = function(torch.zeros(3, *shape))

    assert result.numel() > 0
    assert torch.equal(result, torch.zeros_like(result))


@pytest.mark.parametrize("function", [mac, region_maxima, region_power_means, rmac])
@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_vectors_have_unit_norm(function: Callable[[Tensor], Tensor], scale: float) -> None:
    maps = torch.from_numpy(scale * np.abs(random_maps())).float()

    norms = function(maps).norm(dim=-1)

    torch.testing.assert_close(norms, torch.ones_like(norms))


@pytest.mark.parametrize("function", [mac, region_maxima, region_power_means, rmac])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_functions_keep_the_dtype_and_do_not_change_their_input(
    function: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    maps = torch.from_numpy(random_maps()).to(dtype)
    before = maps.clone()

    assert function(maps).dtype == dtype
    assert torch.equal(maps, before)
