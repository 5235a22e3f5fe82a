import json
import math
from dataclasses import replace
from typing import Any, get_args

import pytest

from osrmac.config import (
    BenchmarkName,
    ComputeConfig,
    DescriptorConfig,
    EvaluationConfig,
    LayerWeightsConfig,
    ReductionConfig,
    canonical,
    fingerprint,
)
from osrmac.errors import ConfigError
from osrmac.evaluation.protocols import BENCHMARKS


def identity(config: DescriptorConfig, layers: tuple[str, ...] = ("b", "a"), weights: str = "w") -> str:
    return fingerprint(canonical(config, layers=layers, weights=weights))


def test_the_defaults_are_those_of_the_paper() -> None:
    config = DescriptorConfig()
    assert (config.backbone, config.image_sizes, config.recipes) == ("resnet50", (1050, 800, 550), ("osrmac",))
    assert ReductionConfig().retained_variance == 0.95
    assert EvaluationConfig().distance == "l1"


def test_equal_configurations_have_equal_fingerprints() -> None:
    assert identity(DescriptorConfig()) == identity(DescriptorConfig())


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": "resnet18"},
        {"recipes": ("single",)},
        {"image_sizes": (800, 550)},
        {"exif_orientation": False},
        {"max_pixels": 10},
    ],
)
def test_options_of_the_descriptor_change_the_fingerprint(change: dict[str, Any]) -> None:
    assert identity(replace(DescriptorConfig(), **change)) != identity(DescriptorConfig())


def test_the_fingerprint_depends_on_loaded_weights_and_layers_not_on_their_options() -> None:
    by_path, by_default = DescriptorConfig(weights="a/path", layers=("b", "a")), DescriptorConfig()
    assert identity(by_path) == identity(by_default)
    assert identity(by_default, weights="other") != identity(by_default)
    assert identity(by_default, layers=("a", "b")) != identity(by_default)


def test_a_configuration_is_stored_under_the_names_of_version_0_1_0() -> None:
    config = DescriptorConfig(recipes=("single", "late"), layers=("b", "a"), image_sizes=(96, 64))
    stored = json.loads(json.dumps(config.to_json()))
    assert (stored["taps"], stored["scales"]) == (["b", "a"], [96, 64])
    assert DescriptorConfig.from_json(stored) == config


def test_the_benchmarks_are_those_of_the_protocols() -> None:
    assert set(get_args(BenchmarkName)) == set(BENCHMARKS)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (DescriptorConfig, {"recipes": ()}),
        (DescriptorConfig, {"recipes": ("single", "single")}),
        (DescriptorConfig, {"image_sizes": ()}),
        (DescriptorConfig, {"image_sizes": (800, 0)}),
        (DescriptorConfig, {"image_sizes": (800, 800)}),
        (DescriptorConfig, {"max_pixels": 0}),
        (ComputeConfig, {"workers": 0}),
        (ComputeConfig, {"max_workers": 0}),
        (ComputeConfig, {"workers": 3, "max_workers": 2}),
        (ComputeConfig, {"gpu_share": 0.0}),
        (ComputeConfig, {"gpu_share": 1.5}),
        (ComputeConfig, {"threads": 0}),
        (ReductionConfig, {"retained_variance": 1.0}),
        (ReductionConfig, {"retained_variance": 0.0}),
        (ReductionConfig, {"features": (768, 0)}),
        (ReductionConfig, {"samples": 1}),
        (LayerWeightsConfig, {"layer_weights": (1.0, -0.5)}),
        (LayerWeightsConfig, {"layer_weights": (0.0, 0.0)}),
        (LayerWeightsConfig, {"layer_weights": (math.nan,)}),
        (LayerWeightsConfig, {"grid": ()}),
    ],
)
def test_invalid_values_are_refused_in_one_line(config: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**options)
    assert "\n" not in str(caught.value)


def test_an_evaluation_without_a_benchmark_is_refused() -> None:
    with pytest.raises(ConfigError, match="--benchmark"):
        _ = EvaluationConfig().name
