"""OS-RMAC, GeM and SuperGlobal's pooling against hand-computed vectors and against their formulas in loops."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from osrmac.descriptor.pooling import gem, osrmac, regional_gem, superglobal, window_and_stride

Array = NDArray[np.float64]


def assert_same(actual: Tensor, expected: Array | list[float]) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=1e-12)


def by_loops(maps: Array) -> Array:
    channels, height, width = maps.shape
    total = np.zeros(channels)
    for level in (1, 2, 3):
        side = max(1, math.ceil(2 * min(width, height) / (level + 1)))
        stride = max(1, math.floor(0.4 * side))
        for channel in range(channels):
            squares = 0.0
            for top in range(0, height - side + 1, stride):
                for left in range(0, width - side + 1, stride):
                    squares += maps[channel, top : top + side, left : left + side].max() ** 2
            total[channel] += math.sqrt(squares)
    norm = math.sqrt(sum(value * value for value in total))
    return total / norm if norm > 0 else total


def feature_maps(shape: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Array]:
    """Multiples of 1/8 of either sign, so that squares and sums are exact."""
    return arrays(np.float64, shape, elements=st.integers(-64, 64).map(lambda eighths: eighths / 8))


@given(feature_maps(st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))))
def test_pooling_agrees_with_loops(maps: Array) -> None:
    assert_same(osrmac(torch.from_numpy(maps)), by_loops(maps))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 40), (40, 1), (2, 31), (25, 33), (33, 25)])
def test_pooling_agrees_with_loops_on_extreme_shapes(shape: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).exponential(size=(5, *shape))

    assert_same(osrmac(torch.from_numpy(maps)), by_loops(maps))


def test_a_square_map_by_hand() -> None:
    """Windows of 4, 3 and 2 cells, stride 1: 1, 4 and 9 positions."""
    maps = torch.zeros(3, 4, 4, dtype=torch.float64)
    maps[0] = 1  # sqrt(1) + sqrt(4) + sqrt(9) = 6
    maps[1, 0, 0] = 1  # the corner is in one window of each level: 3
    maps[2, 1, 1] = 1  # this cell is in 1, 4 and 4 windows: 5

    assert_same(osrmac(maps), np.array([6, 3, 5]) / math.sqrt(70))


def test_an_oblong_map_by_hand() -> None:
    """Windows of 5, 4 and 3 cells, strides 2, 1 and 1: 3, 2x7 and 3x8 positions."""
    maps = torch.zeros(2, 5, 10, dtype=torch.float64)
    maps[0] = 1
    maps[1, 0, 9] = 1  # no window of the first level reaches the last column

    expected = np.array([math.sqrt(3) + math.sqrt(14) + math.sqrt(24), 2])
    assert_same(osrmac(maps), expected / np.linalg.norm(expected))


def test_a_row_by_hand() -> None:
    """Every window is one cell, so each level gives the norm of the row."""
    maps = torch.tensor([[[3.0, 0.0, 4.0]], [[0.0, 5.0, 12.0]]], dtype=torch.float64)

    assert_same(osrmac(maps), np.array([5, 13]) / math.sqrt(194))


def test_a_single_cell_by_hand() -> None:
    maps = torch.tensor([[[3.0]], [[4.0]]], dtype=torch.float64)

    assert_same(osrmac(maps), [0.6, 0.8])


def test_a_map_of_zeros_gives_zeros() -> None:
    assert osrmac(torch.zeros(4, 3, 5)).tolist() == [0, 0, 0, 0]


@given(feature_maps(st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 8))).filter(np.any))
def test_vectors_have_unit_norm(maps: Array) -> None:
    assert float(osrmac(torch.from_numpy(maps).float()).norm()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("batch", [(1,), (3,), (2, 3), (2, 1, 2)])
def test_a_batch_is_pooled_like_each_of_its_maps(batch: tuple[int, ...]) -> None:
    maps = torch.rand(*batch, 4, 6, 5, generator=torch.Generator().manual_seed(0))

    vectors = osrmac(maps)

    assert vectors.shape == (*batch, 4)
    for index in np.ndindex(*batch):
        assert torch.equal(vectors[index], osrmac(maps[index]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pooling_keeps_the_dtype_and_does_not_change_its_input(dtype: torch.dtype) -> None:
    maps = torch.rand(4, 6, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    before = maps.clone()

    assert osrmac(maps).dtype == dtype
    assert torch.equal(maps, before)


def test_windows_agree_with_the_formula_of_the_paper() -> None:
    for shorter_side in range(1, 500):
        for level in (1, 2, 3):
            side = max(1, math.ceil(2 * shorter_side / (level + 1)))
            assert window_and_stride(shorter_side, level) == (side, max(1, math.floor(0.4 * side)))


# Generalised means


def gem_by_loops(maps: Array, power: float) -> Array:
    means = []
    for channel in maps:
        total = 0.0
        for value in channel.flat:
            total += max(value, 1e-6) ** power
        means.append((total / channel.size) ** (1 / power))
    return np.array(means) / math.sqrt(sum(mean * mean for mean in means))


def inside(position: int, length: int, *, mirrored: bool) -> int:
    """The cell that stands for one up to two cells outside of a map."""
    if not mirrored:
        return min(max(position, 0), length - 1)
    return min(abs(position), 2 * (length - 1) - abs(position))


def regional_gem_by_loops(maps: Array) -> Array:
    positive = np.maximum(maps, 1e-6)
    channels, height, width = maps.shape
    mirrored = min(height, width) > 2
    result = np.empty(maps.shape)
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                total = 0.0
                for dy in (-2, -1, 0, 1, 2):
                    for dx in (-2, -1, 0, 1, 2):
                        row, column = (
                            inside(at, length, mirrored=mirrored) for at, length in ((y + dy, height), (x + dx, width))
                        )
                        total += positive[channel, row, column] ** 2.5
                result[channel, y, x] = (total / 25) ** 0.4 / 2 + positive[channel, y, x] / 2
    return result


small_maps = feature_maps(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)))


@given(small_maps, st.sampled_from([1.0, 2.5, 3.0, 4.6]))
def test_gem_agrees_with_loops(maps: Array, power: float) -> None:
    assert_same(gem(torch.from_numpy(maps), power), gem_by_loops(maps, power))


@given(small_maps)
def test_regional_gem_and_superglobal_agree_with_loops(maps: Array) -> None:
    regional = regional_gem_by_loops(maps)

    assert_same(regional_gem(torch.from_numpy(maps)), regional)
    assert_same(superglobal(torch.from_numpy(maps)), gem_by_loops(regional, 4.6))


def test_gem_by_hand() -> None:
    """Cubes of 1, 1, 2 and 2 have the mean 4.5; those of 3 give 3; negative values count as nothing."""
    maps = torch.tensor([[[1, 1], [2, 2]], [[3, 3], [3, 3]], [[-9, -1], [-2, -1]]], dtype=torch.float64)

    expected = np.array([4.5 ** (1 / 3), 3, 1e-6])
    assert_same(gem(maps), expected / np.linalg.norm(expected))


def test_regional_gem_of_a_single_activation_by_hand() -> None:
    """Each of the 25 positions around it gets half of its share, the activation itself half of it more."""
    maps = torch.zeros(1, 9, 9, dtype=torch.float64)
    maps[0, 4, 4] = 10

    found = regional_gem(maps)[0]

    around = (10**2.5 / 25) ** 0.4 / 2
    assert float(found[4, 4]) == pytest.approx(5 + around)
    assert float(found[2, 6]) == pytest.approx(around)
    assert float(found[1, 4]) == pytest.approx(1e-6, rel=1e-3)


def test_a_constant_map_stays_the_same_in_its_regions() -> None:
    maps = torch.full((2, 3, 7), 5.0, dtype=torch.float64)

    assert_same(regional_gem(maps), maps.numpy())


def test_a_map_without_positive_values_gives_equal_components() -> None:
    for pool in (gem, superglobal):
        assert_same(pool(-torch.ones(4, 3, 5, dtype=torch.float64)), [0.5] * 4)


def test_gem_is_the_mean_at_one_and_nears_the_maximum() -> None:
    maps = torch.rand(4, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    assert_same(gem(maps, 1), functional.normalize(maps.mean(dim=(-2, -1)), dim=-1).numpy())
    torch.testing.assert_close(gem(maps, 200), functional.normalize(maps.amax(dim=(-2, -1)), dim=-1), atol=1e-2, rtol=0)


@pytest.mark.parametrize("pool", [gem, superglobal])
def test_generalised_means_of_a_batch_are_those_of_each_of_its_maps(pool: Callable[[Tensor], Tensor]) -> None:
    maps = torch.rand(2, 3, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    before = maps.clone()

    vectors = pool(maps)

    assert (vectors.shape, vectors.dtype) == ((2, 3, 4), maps.dtype)
    assert torch.equal(maps, before)
    for index in np.ndindex(2, 3):
        assert torch.equal(vectors[index], pool(maps[index]))
