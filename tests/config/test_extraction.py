from typing import Any

import pytest

from osrmac.config import ComputeConfig, FailureConfig, FetchConfig, PruneConfig
from tests.refusals import check_refusal


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (ComputeConfig, {"workers": 0}),
        (ComputeConfig, {"max_workers": 0}),
        (ComputeConfig, {"max_workers": 2, "workers": 3}),
        (ComputeConfig, {"gpu_share": 0.0}),
        (ComputeConfig, {"gpu_share": 1.5}),
        (ComputeConfig, {"threads": 0}),
        (FetchConfig, {"attempts": 0}),
        (FetchConfig, {"max_bytes": 0}),
        (FetchConfig, {"fetch_timeout": 0.0}),
        (FailureConfig, {"max_failure_rate": 1.5}),
        (FailureConfig, {"image_timeout": 0.0}),
        (FailureConfig, {"attempts": 0}),
        (PruneConfig, {"images": "photos", "remove": "list.txt"}),
    ],
)
def test_invalid_values_are_refused(config: Any, options: dict[str, Any]) -> None:
    check_refusal(config, options)
