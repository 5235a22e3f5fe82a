"""A selection shortens whatever ends in the descriptor's features."""

import numpy as np
import pytest

from osrmac.selection.selection import Selection

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

    shortened = SELECTION.apply(vectors)

    assert shortened.dtype == np.float32
    np.testing.assert_array_equal(shortened, np.stack([vectors[..., 1], vectors[..., 3]], axis=-1))
