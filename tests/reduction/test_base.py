"""A selection shortens whatever ends in the descriptor's features."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from osrmac.reduction.base import LayerWeighting, Projection, Selection, aggregate
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
def test_the_kept_features_stay_in_their_order(leading: tuple[int, ...]) -> None:
    vectors = np.random.default_rng(0).random((*leading, 5), dtype=np.float32)

    reduce_shard = SELECTION.apply(vectors)

    assert reduce_shard.dtype == np.float32
    np.testing.assert_array_equal(reduce_shard, np.stack([vectors[..., 1], vectors[..., 3]], axis=-1))


@pytest.mark.parametrize("regions", [[1], [3, 1, 4], [2, 2, 2, 2]])
def test_regions_are_whitened_normalised_summed_and_normalised(regions: list[int]) -> None:
    """Against a loop over the formula of Tolias et al., section 3.2, with scikit-learn's whitening."""
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

    found = aggregate(projection.apply(np.concatenate(images)), np.array(regions))

    reference = PCA(4, whiten=True, svd_solver="full").fit(training.astype(np.float64))
    signs = np.sign((reference.components_ * fitted.components_).sum(axis=1))
    assert found.dtype == np.float32
    for vector, image in zip(found, images, strict=True):
        total = np.zeros(4)
        for region in image:
            (whitened,) = reference.transform(region[None].astype(np.float64))
            total += signs * whitened / np.linalg.norm(whitened)
        np.testing.assert_allclose(vector, total / np.linalg.norm(total), atol=1e-5)


def test_no_images_have_no_vectors() -> None:
    assert aggregate(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).shape == (0, 4)


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_weights_scale_what_each_tap_adds(leading: tuple[int, ...]) -> None:
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

    weighed = weighting.apply(vectors)

    assert weighed.dtype == np.float32
    assert weighting.dimension == 6
    np.testing.assert_array_equal(weighed, vectors * np.array([1, 1, 1, 0.5, 0, 0], np.float32))
