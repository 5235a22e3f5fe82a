"""OS-RMAC against hand-computed vectors and against the formula of Algorithm 1 in loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from osrmac.descriptor.pooling import osrmac, window_and_stride

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
