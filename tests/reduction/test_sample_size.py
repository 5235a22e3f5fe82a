import numpy as np
import pytest

from osrmac.reduction.base import Projection, Reduction, Selection
from osrmac.reduction.sample_size import shortage


def reduction(method: str, samples: int, kept: int = 2, features: int = 8) -> Reduction:
    fields = {
        "name": "n",
        "method": method,
        "recipe": "osrmac",
        "features_in": features,
        "seed": 0,
        "samples": samples,
        "fitted_on": "photos",
        "fingerprint": "f",
    }
    if method in ("whitening", "projection"):
        return Projection(axes=np.eye(kept, features), offsets=np.zeros(kept), **fields)  # type: ignore[arg-type]
    return Selection(indices=tuple(range(kept)), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["leverage", "leverage-centred", "pfa"])
def test_a_selection_needs_a_sample_for_each_feature(method: str) -> None:
    assert shortage(reduction(method, 8)) is None
    assert shortage(reduction(method, 7)) == "fitted on 7 descriptors, fewer than the 8 features"


def test_whitening_needs_several_samples_for_each_axis() -> None:
    assert shortage(reduction("whitening", 8, kept=2)) is None
    assert shortage(reduction("whitening", 7, kept=2)) == (
        "fitted on 7 descriptors, fewer than 4 for each of the 2 axes"
    )


@pytest.mark.parametrize("method", ["random", "variance", "projection"])
def test_the_controls_and_projections_of_others_need_none(method: str) -> None:
    assert shortage(reduction(method, 0)) is None
