import math
from typing import Any

import pytest

from osrmac.config import DuplicatesConfig, SearchConfig
from tests.refusals import check_refusal


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (SearchConfig, {"top": 0}),
        (SearchConfig, {"query_expansion": -1}),
        (DuplicatesConfig, {"threshold": -0.1}),
        (DuplicatesConfig, {"threshold": math.nan}),
        (DuplicatesConfig, {"threshold": math.inf}),
    ],
)
def test_invalid_values_are_refused(config: Any, options: dict[str, Any]) -> None:
    check_refusal(config, options)
