from typing import Any

import pytest

from osrmac.config import EstimateConfig
from osrmac.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "--sample must be at least 1, not 0"),
        ({"gpus": 0}, "--gpus must be at least 1, not 0"),
        ({"gpu_tflops": 0.0}, "--gpu-tflops must be positive, not 0"),
        ({"gpu_rate": -1.0}, "--gpu-rate must be positive, not -1"),
        ({"gpu_tflops": 100.0, "gpu_rate": 400.0}, "leave out one of them"),
        ({"put_price": -0.1}, "--put-price must not be negative, not -0.1"),
    ],
)
def test_impossible_values_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EstimateConfig(**options)


def test_a_price_may_be_zero() -> None:
    assert EstimateConfig(get_price=0.0).get_price == 0
