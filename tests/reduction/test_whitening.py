"""PCA-whitening against scikit-learn's PCA."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from osrmac.reduction.moments import Moments
from osrmac.reduction.whitening import PCAWhitening


@pytest.fixture
def samples() -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12)) + 3


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_whitening_equals_that_of_scikit_learn_after_normalisation(samples: NDArray[np.float64]) -> None:
    ours = PCAWhitening(5).fit_transform(samples)
    theirs = unit(PCA(5, whiten=True).fit_transform(samples))
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-10)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-10)


def test_half_whitening_divides_by_the_fourth_root_of_the_variance(samples: NDArray[np.float64]) -> None:
    fitted = PCA(5).fit(samples)
    expected = unit(fitted.transform(samples) * fitted.explained_variance_**-0.25)
    whitened = PCAWhitening(5, power=-0.25).fit_transform(samples)
    np.testing.assert_allclose(whitened @ whitened.T, expected @ expected.T, atol=1e-10)


def test_moments_and_samples_give_the_same_result(samples: NDArray[np.float64]) -> None:
    merged = Moments.of(samples[:90]) + Moments.of(samples[90:])
    by_moments = PCAWhitening(4).fit_moments(merged)
    by_samples = PCAWhitening(4).fit(samples)
    np.testing.assert_allclose(by_moments.transform(samples), by_samples.transform(samples), atol=1e-9)


def test_the_dtype_is_kept_and_the_mean_becomes_the_zero_vector(samples: NDArray[np.float64]) -> None:
    whitening = PCAWhitening(4).fit(samples)
    assert whitening.transform(samples.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(whitening.transform(whitening.mean_[None]), np.zeros((1, 4)))


@pytest.mark.parametrize("axes", [0, 3, 13])
def test_more_axes_than_the_rank_are_refused(axes: int) -> None:
    rank_one = np.random.default_rng(1).normal(size=(50, 2)) @ np.ones((2, 12)) * np.arange(1, 13)
    with pytest.raises(ValueError, match="vary along 1"):
        PCAWhitening(axes).fit(rank_one)


conformance: pytest.MarkDecorator = parametrize_with_checks([PCAWhitening(1)])


@conformance
def test_whitening_passes_the_checks_of_scikit_learn(
    estimator: PCAWhitening, check: Callable[[PCAWhitening], None]
) -> None:
    check(estimator)
