"""What all selections by loadings have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from osrmac.reduction.leverage import LeverageSelection
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.selector import LoadingsSelector

SAMPLES = np.random.default_rng(0).normal(size=(60, 12)) * np.geomspace(9, 0.5, 12)

Selector = type[LeverageSelection] | type[PrincipalFeatureAnalysis]

selectors = pytest.mark.parametrize("selector", [LeverageSelection, PrincipalFeatureAnalysis])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads slow such small problems down."""
    with threadpool_limits(1):
        yield


@selectors
def test_batches_give_the_same_selection(selector: Selector) -> None:
    batches = selector(4)
    for batch in np.array_split(SAMPLES, 7):
        batches.partial_fit(batch)
    assert batches.indices_.tolist() == selector(4).fit(SAMPLES).indices_.tolist()
    assert selector().fit(SAMPLES).indices_.size == 3  # a quarter of 12


@selectors
def test_the_variance_of_the_axes_is_that_of_the_moments(selector: Selector) -> None:
    fitted = selector(4, retained_variance=0.8).fit(SAMPLES)
    loadings, ratios = Moments.of(SAMPLES).loadings(0.8)
    assert fitted.n_components_ == loadings.shape[1]
    np.testing.assert_array_equal(fitted.explained_variance_ratio_, ratios)
    assert ratios[: fitted.n_components_].sum() >= 0.8 > ratios[: fitted.n_components_ - 1].sum()


def test_features_are_kept_in_their_order_whatever_the_order_of_the_selection() -> None:
    class Last(LoadingsSelector):
        def __init__(self) -> None:
            self.n_features_to_select = 3
            self.retained_variance = 0.5

        def _select(self, loadings: Any, kept: int) -> Any:
            return np.arange(len(loadings))[::-1][:kept]

    fitted = Last().fit(SAMPLES)
    assert fitted.indices_.tolist() == [9, 10, 11]
    np.testing.assert_array_equal(fitted.transform(SAMPLES), SAMPLES[:, 9:])


@selectors
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features_to_select": 13}, "cannot select 13 of 12 features"),
        ({"n_features_to_select": 0}, "cannot select 0 of 12 features"),
        ({"retained_variance": 1.0}, "between 0 and 1"),
        ({"retained_variance": 0.99999999}, "needs all of the 12 axes, and then no feature is preferable"),
    ],
)
def test_parameters_that_cannot_work_are_refused(selector: Selector, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        selector(**parameters).fit(SAMPLES)


@selectors
def test_constant_samples_are_refused(selector: Selector) -> None:
    with pytest.raises(ValueError, match="all features are constant"):
        selector(1).fit(np.ones((5, 3)))
