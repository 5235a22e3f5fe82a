"""Principal Feature Analysis against hand-made cases and an independent reference."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from osrmac.reduction.base import Selection
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis

Array = NDArray[np.float64]

CLOUD = np.random.default_rng(0).normal(size=(60, 12)) * np.linspace(3, 1, 12)
"""Independent features."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads slow such small problems down."""
    with threadpool_limits(1):
        yield


def correlated_families(seed: int) -> Array:
    """24 features in 6 families: each is a multiple of its family's factor, plus noise."""
    random = np.random.default_rng(seed)
    factors = random.normal(size=(200, 6)) * np.linspace(4, 2, 6)
    return np.repeat(factors, 4, axis=1) * random.uniform(0.5, 1.5, 24) + 0.1 * random.normal(size=(200, 24))


def rank_one(loadings: list[float]) -> Moments:
    """Moments of samples that vary along one axis, with these loadings of the features."""
    return Moments(2, np.zeros(len(loadings)), np.outer(loadings, loadings))


def spectrum(samples: Array) -> tuple[Array, Array]:
    """Shares of the variance and principal axes as columns, by singular value decomposition."""
    _, singular, axes = np.linalg.svd(samples - samples.mean(axis=0), full_matrices=False)
    return singular**2 / (singular**2).sum(), axes.T


def squared_distance(left: list[float], right: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(left, right, strict=True))


def nearest_to_their_centres(rows: list[list[float]], centres: list[list[float]]) -> list[int]:
    """Lloyd's algorithm from these centres to convergence, then the row nearest each centre."""
    while True:
        members: list[list[int]] = [[] for _ in centres]
        for index, row in enumerate(rows):
            members[min(range(len(centres)), key=lambda cluster: squared_distance(row, centres[cluster]))].append(index)
        moved = [[sum(rows[i][axis] for i in group) / len(group) for axis in range(len(rows[0]))] for group in members]
        if moved == centres:
            return sorted(
                min(group, key=lambda index: squared_distance(rows[index], centre))
                for group, centre in zip(members, centres, strict=True)
            )
        centres = moved


@st.composite
def repetitive_samples(draw: st.DrawFn) -> Array:
    """Samples with repeated, negated or constant features."""
    rows = draw(st.integers(2, 12))
    distinct = draw(arrays(np.float64, (rows, draw(st.integers(1, 4))), elements=st.integers(-9, 9)))
    assume(np.ptp(distinct, axis=0).any())
    candidates = np.column_stack([distinct, -distinct, np.ones(rows)])
    copies = draw(st.lists(st.integers(0, candidates.shape[1] - 1), min_size=1, max_size=5))
    return np.column_stack([distinct, candidates[:, copies]])


@settings(max_examples=40)
@given(repetitive_samples(), st.booleans())
def test_exactly_k_features_are_kept_for_every_k(samples: Array, absolute: bool) -> None:
    features = samples.shape[1]
    moments = Moments.of(samples)
    for kept in range(1, features + 1):
        pfa = PrincipalFeatureAnalysis(kept, retained_variance=0.4, absolute=absolute).fit_moments(moments)
        assert len(pfa.indices_) == kept
        assert list(pfa.indices_) == sorted(set(pfa.indices_))
        assert set(pfa.indices_) <= set(range(features))


@pytest.mark.parametrize("kept", range(2, 9))
def test_empty_clusters_are_filled(kept: int) -> None:
    """Seven features have equal loadings, so k-means finds at most two clusters."""
    pfa = PrincipalFeatureAnalysis(kept).fit_moments(rank_one([1, 1, 1, 1, 1, 1, 1, 2]))

    assert len(set(pfa.indices_)) == kept
    assert 7 in pfa.indices_


def test_one_of_several_proportional_features_is_kept() -> None:
    factors = np.random.default_rng(0).normal(size=(50, 3)) * [3, 2, 1]
    family = np.array([0, 1, 2, 0, 0, 1, 2, 2])

    pfa = PrincipalFeatureAnalysis(3, retained_variance=0.99).fit(factors[:, family])

    assert pfa.n_components_ == 3
    assert sorted(family[pfa.indices_]) == [0, 1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_features_nearest_the_cluster_centres_are_kept(seed: int) -> None:
    samples = correlated_families(seed)
    ratios, axes = spectrum(samples)
    loadings = axes[:, : next(q for q in range(1, 24) if ratios[:q].sum() >= 0.95)]
    start = KMeans(6, n_init=10, random_state=0).fit(loadings).cluster_centers_

    pfa = PrincipalFeatureAnalysis(6, retained_variance=0.95).fit(samples)

    assert list(pfa.indices_) == nearest_to_their_centres(loadings.tolist(), start.tolist())


@pytest.mark.parametrize(("absolute", "kept"), [(False, [0, 4]), (True, [1, 4])])
def test_signs_matter_unless_loadings_are_absolute(absolute: bool, kept: list[int]) -> None:
    """Signed clusters have the centres 2/3 and -10, nearest 1 and -10; absolute ones 2 and 10, nearest -2 and -10."""
    moments = rank_one([1, -2, 3, -9, -10, -11])

    assert list(PrincipalFeatureAnalysis(2, absolute=absolute).fit_moments(moments).indices_) == kept


def test_negated_samples_give_the_same_selection() -> None:
    for absolute in (False, True):
        pfa = PrincipalFeatureAnalysis(6, absolute=absolute)
        kept = pfa.fit(correlated_families(0)).indices_
        np.testing.assert_array_equal(pfa.fit(-correlated_families(0)).indices_, kept)


def test_negated_features_give_the_same_selection_with_absolute_loadings() -> None:
    pfa = PrincipalFeatureAnalysis(6, absolute=True)
    kept = pfa.fit(correlated_families(0)).indices_
    np.testing.assert_array_equal(pfa.fit(correlated_families(0) * np.resize([1, -1], 24)).indices_, kept)


def test_the_order_of_samples_does_not_matter() -> None:
    samples = correlated_families(0)
    shuffled = np.random.default_rng(1).permutation(samples)
    pfa = PrincipalFeatureAnalysis(6)

    np.testing.assert_array_equal(pfa.fit(samples).indices_, pfa.fit(shuffled).indices_)


def kept_with(random_state: int | np.random.RandomState | None) -> tuple[int, ...]:
    return tuple(PrincipalFeatureAnalysis(4, random_state=random_state).fit(CLOUD).indices_)


def test_a_selection_depends_only_on_its_seed() -> None:
    selections = [kept_with(seed) for seed in range(5)]

    assert selections == [kept_with(seed) for seed in range(5)]
    assert len(set(selections)) > 1


def test_random_state_has_every_form_of_scikit_learn() -> None:
    for seed in range(3):
        assert kept_with(np.random.RandomState(seed)) == kept_with(seed)
    assert len(kept_with(None)) == 4
    with pytest.raises(ValueError, match="'seven' cannot be used to seed"):
        kept_with("seven")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_and_their_moments_give_the_same_selection(dtype: type[np.floating]) -> None:
    samples = CLOUD.astype(dtype)

    from_samples = PrincipalFeatureAnalysis(4).fit(samples)
    from_moments = PrincipalFeatureAnalysis(4).fit_moments(Moments.of(samples))

    np.testing.assert_array_equal(from_samples.indices_, from_moments.indices_)
    np.testing.assert_array_equal(from_samples.explained_variance_ratio_, from_moments.explained_variance_ratio_)
    assert from_samples.n_components_ == from_moments.n_components_
    np.testing.assert_array_equal(from_samples.transform(samples), from_moments.transform(samples))


@settings(max_examples=40)
@given(st.integers(0, 100), st.floats(0.01, 0.99))
def test_the_fewest_axes_that_retain_the_share_are_used(seed: int, share: float) -> None:
    samples = np.random.default_rng(seed).normal(size=(20, 6)) * [8, 5, 3, 2, 1, 0.001]
    ratios, _ = spectrum(samples)
    fewest = next(q for q in range(1, 7) if sum(ratios[:q]) >= share)

    pfa = PrincipalFeatureAnalysis(2, retained_variance=share).fit(samples)

    assert pfa.n_components_ == fewest
    np.testing.assert_allclose(pfa.explained_variance_ratio_, ratios, rtol=0, atol=1e-12)


def test_a_share_that_is_met_exactly_needs_no_more_axes() -> None:
    moments = Moments(2, np.zeros(3), np.diag([2.0, 1.0, 1.0]))

    assert PrincipalFeatureAnalysis(1, retained_variance=0.75).fit_moments(moments).n_components_ == 2


@pytest.mark.parametrize(("features", "kept"), [(12, 3), (7, 1), (3, 1)])
def test_a_quarter_of_the_features_is_kept_by_default(features: int, kept: int) -> None:
    assert len(PrincipalFeatureAnalysis(retained_variance=0.5).fit(CLOUD[:, :features]).indices_) == kept


@pytest.mark.parametrize("kept", [-1, 0, 13])
def test_an_impossible_number_of_features_is_refused(kept: int) -> None:
    with pytest.raises(ValueError, match=f"cannot select {kept} of 12 features"):
        PrincipalFeatureAnalysis(kept).fit(CLOUD)


@pytest.mark.parametrize("share", [0, 1, 1.5, float("nan")])
def test_a_retained_variance_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"retained_variance must be between 0 and 1, not {share}"):
        PrincipalFeatureAnalysis(2, retained_variance=share).fit(CLOUD)


@pytest.mark.parametrize(("share", "shown"), [(0.95, "95%"), (0.999, r"99\.9%")])
def test_a_retained_variance_that_needs_all_axes_is_refused(share: float, shown: str) -> None:
    isotropic = Moments(10, np.zeros(5), np.eye(5))

    with pytest.raises(ValueError, match=f"retaining {shown} of the variance needs all of the 5 axes"):
        PrincipalFeatureAnalysis(2, retained_variance=share).fit_moments(isotropic)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
def test_constant_samples_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="the samples do not vary"):
        PrincipalFeatureAnalysis(2).fit(np.full((7, 4), value))


def test_a_single_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="minimum of 2"):
        PrincipalFeatureAnalysis(2).fit(CLOUD[:1])
    with pytest.raises(ValueError, match="at least 2 samples, not 1"):
        PrincipalFeatureAnalysis(2).fit_moments(Moments.of(CLOUD[:1]))


def test_transformed_samples_hold_the_kept_features() -> None:
    pfa = PrincipalFeatureAnalysis(4).fit(CLOUD)
    kept = CLOUD[:, pfa.indices_]
    selection = Selection(
        name="pfa-4",
        method="pfa",
        recipe="osrmac",
        features_in=12,
        seed=0,
        samples=len(CLOUD),
        fitted_on="a cloud",
        fingerprint="f00d",
        indices=tuple(pfa.indices_),
    )

    np.testing.assert_array_equal(pfa.transform(CLOUD), kept)
    np.testing.assert_array_equal(selection.apply(CLOUD.astype(np.float32)), kept.astype(np.float32))
    np.testing.assert_array_equal(pfa.get_support(indices=True), pfa.indices_)
    np.testing.assert_array_equal(np.flatnonzero(pfa.get_support()), pfa.indices_)
    assert list(pfa.get_feature_names_out()) == [f"x{index}" for index in pfa.indices_]


def test_inverse_transform_fills_removed_features_with_zeros() -> None:
    pfa = PrincipalFeatureAnalysis(4).fit(CLOUD)
    expected = np.zeros_like(CLOUD)
    expected[:, pfa.indices_] = CLOUD[:, pfa.indices_]

    np.testing.assert_array_equal(pfa.inverse_transform(pfa.transform(CLOUD)), expected)


def test_data_frames_keep_their_column_names() -> None:
    table = pd.DataFrame(CLOUD, columns=list("abcdefghijkl"))
    pfa = PrincipalFeatureAnalysis(4).set_output(transform="pandas").fit(table)

    pd.testing.assert_frame_equal(pfa.transform(table), table.iloc[:, pfa.indices_])
    assert list(pfa.get_feature_names_out()) == list(table.columns[pfa.indices_])


def test_a_clone_has_the_parameters_but_is_not_fitted() -> None:
    options = {"n_features_to_select": 4, "retained_variance": 0.9, "absolute": True, "random_state": 7}
    copy = clone(PrincipalFeatureAnalysis(**options).fit(CLOUD))  # type: ignore[arg-type]

    assert copy.get_params() == options
    with pytest.raises(NotFittedError):
        copy.transform(CLOUD)


conformance: pytest.MarkDecorator = parametrize_with_checks([PrincipalFeatureAnalysis(retained_variance=0.5)])


@conformance
def test_pfa_passes_the_checks_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
