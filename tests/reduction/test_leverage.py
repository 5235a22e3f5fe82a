"""Leverage selection against hand-made cases and an independent reference."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from osrmac.reduction.leverage import LeverageSelection
from osrmac.reduction.moments import Moments


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads slow such small problems down."""
    with threadpool_limits(1):
        yield


def samples(seed: int, features: int = 12) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, features)) @ rng.normal(size=(features, features)) * np.geomspace(9, 0.1, features)


def leverage(vectors: NDArray[np.float64], share: float) -> list[float]:
    """Squared norms of the rows of the axes, from a singular value decomposition and written as loops."""
    _, singular, axes = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    variances = [value**2 for value in singular.tolist()]
    kept, retained = 0, 0.0
    while retained < share * sum(variances):
        retained += variances[kept]
        kept += 1
    return [sum(axes[axis, feature] ** 2 for axis in range(kept)) for feature in range(vectors.shape[1])]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_features_of_largest_leverage_are_kept(seed: int, kept: int, share: float) -> None:
    vectors = samples(seed)
    selection = LeverageSelection(kept, retained_variance=share).fit(vectors)
    expected = leverage(vectors, share)
    np.testing.assert_allclose(selection.scores_, expected, atol=1e-9)
    assert selection.scores_.sum() == pytest.approx(selection.n_components_)
    assert selection.indices_.tolist() == sorted(sorted(range(12), key=lambda i: -expected[i])[:kept])
    np.testing.assert_array_equal(selection.transform(vectors), vectors[:, selection.indices_])


def test_leverage_does_not_grow_with_the_variance_of_an_axis() -> None:
    """Two uncorrelated axes are kept: the features on them have leverage 1, however different their variances are."""
    moments = Moments(9, np.zeros(4), np.diag([100.0, 10.0, 1e-3, 1e-3]))
    selection = LeverageSelection(2).fit_moments(moments)
    np.testing.assert_allclose(selection.scores_, [1, 1, 0, 0], atol=1e-12)
    assert selection.indices_.tolist() == [0, 1]
    assert selection.n_components_ == 2


def test_ties_go_to_the_lower_index() -> None:
    """One axis along (1, 1, 1, 0): three features of equal leverage."""
    axis = np.array([1.0, 1.0, 1.0, 0.0])
    selection = LeverageSelection(2).fit_moments(Moments(2, np.zeros(4), np.outer(axis, axis)))
    np.testing.assert_allclose(selection.scores_, [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-12)
    assert selection.indices_.tolist() in ([0, 1], [0, 2], [1, 2])  # equal up to rounding
    exact = LeverageSelection(2).fit_moments(Moments(3, np.zeros(4), np.diag([1.0, 1.0, 1.0, 1e-9])))
    assert exact.indices_.tolist() == [0, 1]


conformance: pytest.MarkDecorator = parametrize_with_checks([LeverageSelection(1, retained_variance=0.5)])


@conformance
def test_it_is_a_scikit_learn_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
