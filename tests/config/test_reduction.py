import math
from typing import Any

import pytest

from osrmac.config import LayerWeightsConfig, ReductionConfig, SweepConfig
from tests.refusals import check_refusal


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (ReductionConfig, {"retained_variance": 1.0}),
        (ReductionConfig, {"retained_variance": 0.0}),
        (ReductionConfig, {"features": (768, 0)}),
        (ReductionConfig, {"whitening": (0,)}),
        (ReductionConfig, {"samples": 1}),
        (SweepConfig, {"sizes": ()}),
        (SweepConfig, {"sizes": (32, 0)}),
        (SweepConfig, {"seeds": 0}),
        (LayerWeightsConfig, {"layer_weights": (1.0, -0.5)}),
        (LayerWeightsConfig, {"layer_weights": (0.0, 0.0)}),
        (LayerWeightsConfig, {"layer_weights": (math.nan,)}),
        (LayerWeightsConfig, {"grid": ()}),
    ],
)
def test_invalid_values_are_refused(config: Any, options: dict[str, Any]) -> None:
    check_refusal(config, options)


def test_the_defaults_are_those_of_the_paper() -> None:
    assert ReductionConfig().retained_variance == 0.95
