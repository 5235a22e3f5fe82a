"""Fusion against hand-computed sums and against bilinear interpolation in loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from osrmac.descriptor.fusion import early, late, maximum

Array = NDArray[np.float64]

sides = st.integers(1, 7)
eighths = st.integers(-64, 64).map(lambda value: value / 8)


def assert_same(actual: Tensor, expected: Array | list[float]) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=1e-12)


def neighbours(position: int, size: int, source_size: int) -> tuple[int, int, float]:
    """The two source cells around the centre of a target cell, and the weight of the second one."""
    source = max(0.0, (position + 0.5) * source_size / size - 0.5)
    first = math.floor(source)
    return first, min(first + 1, source_size - 1), source - first


def rescaled(maps: Array, height: int, width: int) -> Array:
    result = np.empty((len(maps), height, width))
    for y in range(height):
        top, bottom, down = neighbours(y, height, maps.shape[1])
        for x in range(width):
            left, right, across = neighbours(x, width, maps.shape[2])
            above = (1 - across) * maps[:, top, left] + across * maps[:, top, right]
            below = (1 - across) * maps[:, bottom, left] + across * maps[:, bottom, right]
            result[:, y, x] = (1 - down) * above + down * below
    return result


def unit(vector: Array) -> Array:
    norm = math.sqrt(sum(value * value for value in vector))
    return vector / norm if norm > 0 else vector


@st.composite
def maps_of_sizes(draw: st.DrawFn) -> list[Array]:
    """Maps of one to three image sizes, with the same channels."""
    channels = draw(st.integers(1, 3))
    shapes = draw(st.lists(st.tuples(st.just(channels), sides, sides), min_size=1, max_size=3))
    return [draw(arrays(np.float64, shape, elements=eighths)) for shape in shapes]


@given(maps_of_sizes())
def test_early_fusion_sums_the_rescaled_maps(maps: list[Array]) -> None:
    height, width = maps[0].shape[1:]

    fused = early([torch.from_numpy(scale) for scale in maps])

    expected = sum((rescaled(scale, height, width) for scale in maps), start=np.zeros(maps[0].shape))
    assert_same(fused, expected)


def test_early_fusion_by_hand() -> None:
    """The cells 0 and 4 are interpolated at -1/4, 1/4, 3/4 and 5/4 of their distance: 0, 1, 3, 4."""
    largest = torch.tensor([[[10.0, 20.0, 30.0, 40.0]]])
    smaller = torch.tensor([[[0.0, 4.0]]])
    smallest = torch.tensor([[[100.0]]])

    assert early([largest, smaller, smallest]).tolist() == [[[110, 121, 133, 144]]]


def test_early_fusion_of_one_size_is_its_map() -> None:
    maps = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))

    assert torch.equal(early([maps]), maps)


def test_early_fusion_does_not_change_its_inputs() -> None:
    maps = [torch.ones(2, 4, 4), torch.ones(2, 2, 2)]

    early(maps)

    assert all(torch.equal(scale, torch.ones_like(scale)) for scale in maps)


@given(
    st.integers(1, 5).flatmap(
        lambda size: arrays(np.float64, st.tuples(st.integers(1, 4), st.just(size)), elements=eighths)
    )
)
def test_late_fusion_normalises_the_sum_of_unit_vectors(vectors: Array) -> None:
    total = sum((unit(vector) for vector in vectors), start=np.zeros(vectors.shape[1]))
    if 0 < np.linalg.norm(total) < 1e-9:
        return  # opposite vectors cancel out, up to rounding errors

    fused = late([torch.from_numpy(vector) for vector in vectors])

    assert_same(fused, unit(total))


def test_late_fusion_by_hand() -> None:
    """(0.6, 0.8) + (0, 1) = (0.6, 1.8), whose norm is sqrt(3.6)."""
    fused = late([torch.tensor([3.0, 4.0], dtype=torch.float64), torch.tensor([0.0, 2.0], dtype=torch.float64)])

    assert_same(fused, np.array([0.6, 1.8]) / math.sqrt(3.6))
    assert float(fused.norm()) == pytest.approx(1, abs=1e-12)


def test_late_fusion_of_zero_vectors_is_zero() -> None:
    assert late([torch.zeros(3), torch.zeros(3)]).tolist() == [0, 0, 0]


def test_the_maximum_of_sizes_by_hand() -> None:
    """(0.6, 0.8) and (0.8, 0.6) give (0.8, 0.8); the lengths of the given vectors do not matter."""
    fused = maximum([torch.tensor([3.0, 4.0], dtype=torch.float64), torch.tensor([80.0, 60.0], dtype=torch.float64)])

    assert_same(fused, [math.sqrt(0.5), math.sqrt(0.5)])


@given(
    st.integers(1, 5).flatmap(
        lambda size: arrays(np.float64, st.tuples(st.integers(1, 4), st.just(size)), elements=eighths)
    )
)
def test_the_maximum_takes_the_largest_component_of_unit_vectors(vectors: Array) -> None:
    largest = [max(unit(vector)[component] for vector in vectors) for component in range(vectors.shape[1])]

    assert_same(maximum([torch.from_numpy(vector) for vector in vectors]), unit(np.array(largest)))
