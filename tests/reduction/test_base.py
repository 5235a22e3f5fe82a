"""Selections, projections and weightings applied to vectors, and region vectors aggregated."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from osrmac.reduction.base import LayerWeighting, Projection, Selection, aggregate, l2_normalize
from osrmac.reduction.moments import Moments
from osrmac.reduction.whitening import PCAWhitening

SELECTION = Selection(
    name="osrmac-pfa-2",
    method="pfa",
    recipe="osrmac",
    indices=(1, 3),
    features_in=5,
    seed=0,
    samples=10,
    fitted_on="photos",
    fingerprint="f00d",
)


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_a_selection_keeps_its_features_in_order(leading: tuple[int, ...]) -> None:
    vectors = np.random.default_rng(0).random((*leading, 5), dtype=np.float32)

    selected = SELECTION.apply(vectors)

    assert selected.dtype == np.float32
    np.testing.assert_array_equal(selected, np.stack([vectors[..., 1], vectors[..., 3]], axis=-1))


@pytest.mark.parametrize("regions", [[1], [3, 1, 4], [2, 2, 2, 2]])
def test_regions_are_whitened_normalised_and_aggregated(regions: list[int]) -> None:
    """Reference: a loop over the formula of Tolias et al., section 3.2, with scikit-learn's whitening."""
    rng = np.random.default_rng(0)
    training = rng.random((50, 6)).astype(np.float32)
    images = [rng.random((number, 6)).astype(np.float32) for number in regions]
    fitted = PCAWhitening(4).fit_moments(Moments.of(training))
    common = {name: getattr(SELECTION, name) for name in ("name", "seed", "samples", "fitted_on", "fingerprint")}
    projection = Projection(
        axes=fitted.components_,
        offsets=fitted.components_ @ fitted.mean_,
        method="whitening",
        recipe="rmac_regions",
        features_in=6,
        **common,
    )

    aggregated = aggregate(projection.apply(np.concatenate(images)), np.array(regions))

    reference = PCA(4, whiten=True, svd_solver="full").fit(training.astype(np.float64))
    signs = np.sign((reference.components_ * fitted.components_).sum(axis=1))
    assert aggregated.dtype == np.float32
    for vector, image in zip(aggregated, images, strict=True):
        total = np.zeros(4)
        for region in image:
            (whitened,) = reference.transform(region[None].astype(np.float64))
            total += signs * whitened / np.linalg.norm(whitened)
        np.testing.assert_allclose(vector, total / np.linalg.norm(total), atol=1e-5)


def test_no_images_give_no_vectors() -> None:
    assert aggregate(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).shape == (0, 4)


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_weights_scale_the_part_of_each_layer(leading: tuple[int, ...]) -> None:
    common = {name: getattr(SELECTION, name) for name in ("seed", "samples", "fitted_on", "fingerprint")}
    weighting = LayerWeighting(
        name="msrmac-weights",
        method="weights",
        recipe="msrmac",
        features_in=6,
        weights=(1.0, 0.5, 0.0),
        parts=(3, 1, 2),
        **common,
    )
    vectors = np.random.default_rng(0).random((*leading, 6), dtype=np.float32)

    weighted = weighting.apply(vectors)

    assert weighted.dtype == np.float32
    assert weighting.dimension == 6
    np.testing.assert_array_equal(weighted, vectors * np.array([1, 1, 1, 0.5, 0, 0], np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalised_rows_have_unit_length_and_zeros_stay(dtype: type[np.floating]) -> None:
    vectors = np.array([[3, 4], [0, 0], [0, -1e-20]], dtype)

    normalized = l2_normalize(vectors)

    assert normalized.dtype == dtype
    np.testing.assert_allclose(normalized[:2], np.array([[0.6, 0.8], [0, 0]]))
    np.testing.assert_array_equal(vectors[0], [3, 4])


def test_kept_features_are_centred_and_scaled_to_unit_length() -> None:
    """(4, 5) and (1, 2) less the mean (1, 1) are (3, 4), of length 5, and (0, 1)."""
    vectors = np.array([[9, 4, 9, 5, 9], [9, 1, 9, 2, 9]], np.float32)
    centred = replace(SELECTION, unit_length=True, mean=(1.0, 1.0)).apply(vectors)
    assert centred.dtype == np.float32
    np.testing.assert_allclose(centred, np.array([[0.6, 0.8], [0, 1]]), rtol=1e-6)
    unit = replace(SELECTION, unit_length=True).apply(vectors)
    np.testing.assert_allclose(unit, np.array([[4, 5], [1, 2]]) / np.sqrt([[41], [5]]), rtol=1e-6)
    assert not replace(SELECTION, unit_length=True).apply(np.zeros((1, 5), np.float32)).any()
