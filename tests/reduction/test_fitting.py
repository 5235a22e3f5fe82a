"""Reductions by name: which estimator fits them, and what they record."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from osrmac.config import ReductionConfig
from osrmac.errors import ConfigError
from osrmac.reduction.base import Projection, Selection
from osrmac.reduction.baselines import random_features, top_variance_features
from osrmac.reduction.fitting import STABILITY_SEEDS, Origin, fit_reduction
from osrmac.reduction.leverage import LeverageSelection
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.stability import mean_overlap
from osrmac.reduction.whitening import PCAWhitening

SAMPLES = np.random.default_rng(0).normal(size=(60, 12)) * np.linspace(3, 1, 12)
MOMENTS = Moments.of(SAMPLES)
ORIGIN = Origin("osrmac", 12, 60, "photos", "f00d")


@pytest.mark.parametrize(
    ("method", "indices"),
    [
        ("pfa", PrincipalFeatureAnalysis(4, retained_variance=0.9, random_state=5).fit_moments(MOMENTS).indices_),
        ("random", random_features(12, 4, seed=5)),
        ("variance", top_variance_features(MOMENTS, 4)),
    ],
)
def test_a_selection_has_the_indices_of_its_estimator(method: str, indices: list[int]) -> None:
    selection = fit_reduction(method, 4, MOMENTS, ReductionConfig(retained_variance=0.9, seed=5), ORIGIN)

    assert isinstance(selection, Selection)
    assert selection.indices == tuple(indices)
    assert (selection.name, selection.method, selection.seed) == (f"osrmac-{method}-4", method, 5)
    assert asdict(ORIGIN).items() <= asdict(selection).items()
    json.dumps(asdict(selection))


def test_a_projection_equals_the_fitted_whitening() -> None:
    projection = fit_reduction("whitening", 4, MOMENTS, ReductionConfig(), ORIGIN)

    assert isinstance(projection, Projection)
    expected = PCAWhitening(4).fit_moments(MOMENTS).transform(SAMPLES)
    np.testing.assert_allclose(projection.apply(SAMPLES.astype(np.float32)), expected, atol=1e-6)


def test_stability_is_the_mean_overlap_over_consecutive_seeds() -> None:
    config = ReductionConfig(retained_variance=0.9, seed=2)
    by_seed = [
        PrincipalFeatureAnalysis(4, retained_variance=0.9, random_state=seed).fit_moments(MOMENTS).indices_.tolist()
        for seed in range(2, 2 + STABILITY_SEEDS)
    ]

    selection = fit_reduction("pfa", 4, MOMENTS, config, ORIGIN, seeds=STABILITY_SEEDS)
    single = fit_reduction("pfa", 4, MOMENTS, config, ORIGIN)

    assert isinstance(selection, Selection)
    assert isinstance(single, Selection)
    assert selection.indices == single.indices == tuple(by_seed[0])
    assert selection.stability == mean_overlap(by_seed) < 1
    assert single.stability is None


@pytest.mark.parametrize(("method", "size"), [("pfa", 13), ("whitening", 13), ("random", 13)])
def test_an_impossible_size_is_a_user_error(method: str, size: int) -> None:
    with pytest.raises(ConfigError):
        fit_reduction(method, size, MOMENTS, ReductionConfig(), ORIGIN)


def test_leverage_selections_have_unit_length_and_a_mean_if_they_are_centred() -> None:
    plain = fit_reduction("leverage", 3, MOMENTS, ReductionConfig(retained_variance=0.8), ORIGIN)
    centred = fit_reduction("leverage-centred", 3, MOMENTS, ReductionConfig(retained_variance=0.8), ORIGIN)
    assert isinstance(plain, Selection)
    assert isinstance(centred, Selection)
    expected = LeverageSelection(3, retained_variance=0.8).fit_moments(MOMENTS)
    assert plain.indices == centred.indices == tuple(expected.indices_.tolist())
    assert (plain.name, centred.name) == ("osrmac-leverage-3", "osrmac-leverage-centred-3")
    assert (plain.unit_length, plain.mean, plain.stability, plain.absolute) == (True, None, None, None)
    assert (plain.components, plain.retained_variance) == (expected.n_components_, 0.8)
    np.testing.assert_allclose(centred.mean or (), SAMPLES.mean(axis=0)[expected.indices_])
    np.testing.assert_allclose(np.linalg.norm(plain.apply(SAMPLES.astype(np.float32)), axis=1), 1, rtol=1e-6)


def test_the_power_of_a_whitening_is_in_its_name_unless_it_whitens() -> None:
    half = fit_reduction("whitening", 3, MOMENTS, ReductionConfig(power=-0.25), ORIGIN)
    assert isinstance(half, Projection)
    assert (half.name, half.power) == ("osrmac-whitening-0.25-3", -0.25)
    np.testing.assert_array_equal(half.axes, PCAWhitening(3, power=-0.25).fit_moments(MOMENTS).components_)
    full = fit_reduction("whitening", 3, MOMENTS, ReductionConfig(), ORIGIN)
    assert isinstance(full, Projection)
    assert (full.name, full.power) == ("osrmac-whitening-3", None)
