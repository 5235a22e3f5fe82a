import math
from typing import Any

import pytest

from osrmac.config import EvaluationConfig, RefinementConfig, SearchConfig
from osrmac.errors import ConfigError
from osrmac.types import REFINEMENTS
from tests.refusals import check_refusal


def test_nothing_is_refined_by_default() -> None:
    assert RefinementConfig().conditions == EvaluationConfig().conditions == SearchConfig().conditions == {}


def test_the_defaults_of_re_ranking_are_those_of_its_authors() -> None:
    assert RefinementConfig(rerank="superglobal").conditions == {
        "re-ranking": "superglobal, 400 nearest, K 9, beta 0.15"
    }


def test_every_refinement_is_a_condition() -> None:
    options: dict[str, Any] = {"query_expansion": 5, "alpha": 2.5, "rerank": "superglobal", "rerank_top": 50}
    shared = {
        "query expansion": "5 neighbours, alpha 2.5",
        "re-ranking": "superglobal, 50 nearest, K 9, beta 0.15",
    }
    assert SearchConfig(**options).conditions == shared
    everything = EvaluationConfig(**options, database_augmentation=2).conditions
    assert everything == {**shared, "database augmentation": "2 neighbours, alpha 2.5"}
    assert tuple(everything) == REFINEMENTS


@pytest.mark.parametrize(
    "options",
    [
        {"query_expansion": -1},
        {"alpha": 0.0},
        {"rerank_top": 0, "rerank": "superglobal"},
        {"rerank_neighbours": 0, "rerank": "superglobal"},
        {"rerank_beta": -0.1, "rerank": "superglobal"},
        {"rerank_beta": math.nan, "rerank": "superglobal"},
        {"rerank_beta": math.inf, "rerank": "superglobal"},
    ],
)
def test_invalid_values_are_refused(options: dict[str, Any]) -> None:
    check_refusal(RefinementConfig, options)


@pytest.mark.parametrize("options", [{"rerank_top": 9}, {"rerank_neighbours": 3}, {"rerank_beta": 0.5}])
def test_details_of_re_ranking_without_it_are_refused(options: dict[str, Any]) -> None:
    check_refusal(RefinementConfig, options)
    with pytest.raises(ConfigError, match="no effect without --rerank superglobal"):
        SearchConfig(**options)
