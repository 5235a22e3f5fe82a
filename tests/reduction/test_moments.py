"""Moments against numpy's mean and covariance, for any division into batches."""

from functools import reduce
from operator import add
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from osrmac.reduction.moments import Moments

Array = NDArray[np.float64]

FAR_FROM_ZERO = 1e4 + np.random.default_rng(0).normal(size=(1000, 4))


def assert_moments_of(actual: Moments, samples: NDArray[np.floating]) -> None:
    exact = samples.astype(np.float64)
    covariance = np.atleast_2d(np.cov(exact, rowvar=False))
    assert actual.count == len(samples)
    np.testing.assert_allclose(actual.mean, exact.mean(axis=0), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(actual.covariance, covariance, rtol=0, atol=1e-10 * max(1, np.abs(covariance).max()))


def assert_equal(actual: Moments, expected: Moments) -> None:
    assert actual.count == expected.count
    np.testing.assert_array_equal(actual.mean, expected.mean)
    np.testing.assert_array_equal(actual.scatter, expected.scatter)


def moments_of_batches(samples: Array, cuts: list[int]) -> list[Moments]:
    return [Moments.of(batch) for batch in np.split(samples, sorted(cuts))]


@given(
    samples=arrays(np.float64, st.tuples(st.integers(2, 30), st.integers(1, 5)), elements=st.floats(-99, 99, width=16)),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    random=st.randoms(),
)
def test_merged_moments_do_not_depend_on_batches_or_their_order(
    samples: Array, cuts: list[int], random: Random
) -> None:
    batches = moments_of_batches(samples, cuts)
    random.shuffle(batches)

    assert_moments_of(reduce(add, batches), samples)


@pytest.mark.parametrize("rows", [1, 7, 300, 4096])
@pytest.mark.parametrize("cuts", [[], [0, 0, 1000], [1, 2, 500], list(range(1, 1000))])
def test_moments_of_batches_equal_those_of_all_samples(
    cuts: list[int], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.reduction.moments._BLOCK_ROWS", rows)

    assert_moments_of(Moments.of_parts(np.split(FAR_FROM_ZERO, cuts)), FAR_FROM_ZERO)


def test_empty_batches_have_the_moments_of_no_samples() -> None:
    assert_equal(Moments.of_parts([np.empty((0, 4)), np.empty((0, 4))]), Moments.empty(4))


@pytest.mark.parametrize("cuts", [[], [1, 2, 500], list(range(1, 1000))])
def test_precision_is_kept_for_a_mean_far_from_zero(cuts: list[int]) -> None:
    assert_moments_of(reduce(add, moments_of_batches(FAR_FROM_ZERO, cuts)), FAR_FROM_ZERO)


def test_single_precision_is_accumulated_in_double() -> None:
    samples = FAR_FROM_ZERO.astype(np.float32)

    moments = Moments.of(samples)

    assert moments.mean.dtype.name == moments.scatter.dtype.name == "float64"
    assert_moments_of(moments, samples)


@pytest.mark.parametrize("rows", range(2, 8))
def test_the_block_size_does_not_change_the_result(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = FAR_FROM_ZERO[:rows]
    monkeypatch.setattr("osrmac.reduction.moments._BLOCK_ROWS", 3)

    assert_moments_of(Moments.of(samples), samples)


def test_moments_of_no_samples_are_neutral_in_a_sum() -> None:
    some, none = Moments.of(FAR_FROM_ZERO), Moments.empty(4)

    for total in (none + some, some + none):
        assert_equal(total, some)
    for total in (none + none, Moments.of(np.empty((0, 4)))):
        assert_equal(total, none)


def test_inputs_are_not_modified() -> None:
    samples = FAR_FROM_ZERO.copy()
    left, right = Moments.of(samples[:10]), Moments.of(samples[10:])

    _ = left + right

    np.testing.assert_array_equal(samples, FAR_FROM_ZERO)
    assert_equal(left, Moments.of(FAR_FROM_ZERO[:10]))
    assert_equal(right, Moments.of(FAR_FROM_ZERO[10:]))


def test_constant_features_have_exactly_zero_variance() -> None:
    """0.1 is inexact in binary, and the mean of three such numbers differs from it."""
    samples = np.full((3, 2), 0.1)

    assert not Moments.of(samples).covariance.any()
    assert not reduce(add, moments_of_batches(samples, [1, 2])).covariance.any()


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_samples_have_no_covariance(count: int) -> None:
    moments = Moments.of(FAR_FROM_ZERO[:count])

    with pytest.raises(ValueError, match=f"a covariance needs at least 2 samples, not {count}"):
        _ = moments.covariance


def test_principal_axes_equal_a_singular_value_decomposition() -> None:
    samples = np.random.default_rng(1).normal(size=(60, 5)) * [3, 1, 2, 5, 4]

    values, axes = Moments.of(samples).principal_axes

    _, spreads, rows = np.linalg.svd(samples - samples.mean(axis=0))
    np.testing.assert_allclose(values, spreads**2 / 59)
    np.testing.assert_allclose(np.abs(axes), np.abs(rows.T), atol=1e-10)
    assert (axes[np.abs(axes).argmax(axis=0), range(5)] > 0).all()


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_the_rank_is_the_number_of_axes_along_which_samples_vary(rank: int) -> None:
    rng = np.random.default_rng(2)

    assert Moments.of(7 + rng.normal(size=(50, rank)) @ rng.normal(size=(rank, 6))).rank == rank
