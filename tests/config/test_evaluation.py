from typing import Any

import pytest

from osrmac.config import CompareConfig, EvaluationConfig
from osrmac.errors import ConfigError
from tests.refusals import check_refusal


def test_an_evaluation_without_a_benchmark_is_refused() -> None:
    with pytest.raises(ConfigError, match="--benchmark"):
        _ = EvaluationConfig().name


def test_the_defaults_are_those_of_the_paper() -> None:
    assert EvaluationConfig().distance == "l1"


@pytest.mark.parametrize("options", [{"query_expansion": -1}, {"database_augmentation": -1}])
def test_invalid_values_are_refused(options: dict[str, Any]) -> None:
    check_refusal(EvaluationConfig, options)


@pytest.mark.parametrize("options", [{"resamples": 0}, {"seed": -1}])
def test_resampling_that_is_impossible_is_refused(options: dict[str, Any]) -> None:
    check_refusal(CompareConfig, options)
