"""Fitting batch by batch against fitting to all samples at once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from osrmac.reduction.incremental import MomentsEstimator
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.whitening import PCAWhitening

Array = NDArray[np.float64]

ROWS = 60
batch_boundaries = st.lists(st.integers(0, ROWS), max_size=8).map(sorted)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads slow such small problems down."""
    with threadpool_limits(1):
        yield


@pytest.fixture(params=[PrincipalFeatureAnalysis, PCAWhitening])
def estimator(request: pytest.FixtureRequest) -> MomentsEstimator[Any]:
    fresh: MomentsEstimator[Any] = request.param(4)
    return fresh


def samples(seed: int) -> Array:
    """Samples of 12 independent features with well separated variances."""
    return 5 + np.random.default_rng(seed).normal(size=(ROWS, 12)) * 1.5 ** np.arange(12)


def fit_batches(estimator: MomentsEstimator[Any], rows: Array, boundaries: list[int]) -> None:
    for batch in np.split(rows, boundaries):
        if len(batch):
            estimator.partial_fit(batch)


@settings(max_examples=25)
@given(st.integers(0, 1000), batch_boundaries)
def test_pfa_of_batches_equals_pfa_of_all_samples(seed: int, boundaries: list[int]) -> None:
    at_once = PrincipalFeatureAnalysis(4).fit(samples(seed))
    in_batches = PrincipalFeatureAnalysis(4)
    fit_batches(in_batches, samples(seed), boundaries)

    np.testing.assert_array_equal(in_batches.indices_, at_once.indices_)
    assert in_batches.n_components_ == at_once.n_components_
    np.testing.assert_allclose(in_batches.explained_variance_ratio_, at_once.explained_variance_ratio_, rtol=1e-8)


@settings(max_examples=25)
@given(st.integers(0, 1000), batch_boundaries)
def test_whitening_of_batches_equals_whitening_of_all_samples(seed: int, boundaries: list[int]) -> None:
    at_once = PCAWhitening(4).fit(samples(seed))
    in_batches = PCAWhitening(4)
    fit_batches(in_batches, samples(seed), boundaries)

    np.testing.assert_allclose(in_batches.mean_, at_once.mean_, rtol=1e-10)
    np.testing.assert_allclose(in_batches.transform(samples(0)), at_once.transform(samples(0)), atol=1e-8)


def test_a_batch_may_have_one_sample(estimator: MomentsEstimator[Any]) -> None:
    for row in samples(0):
        estimator.partial_fit(row[None])

    np.testing.assert_allclose(estimator.moments_.covariance, np.cov(samples(0), rowvar=False), rtol=1e-9)


def test_too_few_samples_are_reported_when_the_result_is_used() -> None:
    pfa = PrincipalFeatureAnalysis(4).partial_fit(samples(0)[:1])
    with pytest.raises(ValueError, match="at least 2 samples, not 1"):
        _ = pfa.indices_

    assert len(pfa.partial_fit(samples(0)[1:]).indices_) == 4


def test_a_further_batch_updates_the_learned_attributes() -> None:
    whitening = PCAWhitening(4).partial_fit(samples(0))
    before = whitening.components_

    whitening.partial_fit(samples(1))

    expected = PCAWhitening(4).fit(np.concatenate([samples(0), samples(1)]))
    np.testing.assert_allclose(whitening.components_, expected.components_, atol=1e-8)
    assert not np.allclose(whitening.components_, before)


def test_fit_forgets_earlier_batches(estimator: MomentsEstimator[Any]) -> None:
    estimator.partial_fit(samples(0)).fit(samples(1))
    assert estimator.moments_.count == ROWS
    np.testing.assert_allclose(estimator.moments_.mean, samples(1).mean(axis=0))

    estimator.fit_moments(Moments.of(samples(0)[:20]))
    assert estimator.moments_.count == 20


def test_partial_fit_continues_after_fit(estimator: MomentsEstimator[Any]) -> None:
    estimator.fit(samples(0)).partial_fit(samples(1))

    assert estimator.moments_.count == 2 * ROWS


def test_a_batch_of_another_width_is_refused(estimator: MomentsEstimator[Any]) -> None:
    estimator.fit(samples(0))
    with pytest.raises(ValueError, match="X has 11 features"):
        estimator.partial_fit(samples(0)[:, 1:])

    assert estimator.moments_.count == ROWS


def test_learned_attributes_need_samples() -> None:
    for attribute in ("indices_", "n_components_", "explained_variance_ratio_"):
        with pytest.raises(NotFittedError):
            getattr(PrincipalFeatureAnalysis(4), attribute)
    with pytest.raises(NotFittedError):
        _ = PCAWhitening(4).components_
