import math
from dataclasses import asdict, replace
from typing import Any

import pytest

from osrmac.config import (
    ComputeConfig,
    DescriptorConfig,
    EvaluationConfig,
    LayerWeightsConfig,
    ReductionConfig,
    canonical,
    fingerprint,
)
from osrmac.errors import ConfigError


def identity(config: DescriptorConfig, layers: tuple[str, ...] = ("b", "a"), weights: str = "w") -> str:
    return fingerprint(canonical(config, layers=layers, weights=weights))


def test_the_defaults_are_the_papers() -> None:
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
        {"scales": (800, 550)},
        {"exif_orientation": False},
        {"max_pixels": 10},
    ],
)
def test_whatever_a_descriptor_depends_on_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert identity(replace(DescriptorConfig(), **change)) != identity(DescriptorConfig())


def test_the_fingerprint_sees_the_weights_and_taps_themselves_not_how_they_were_asked_for() -> None:
    by_path, by_default = DescriptorConfig(weights="a/path", layers=("b", "a")), DescriptorConfig()
    assert identity(by_path) == identity(by_default)
    assert identity(by_default, weights="other") != identity(by_default)
    assert identity(by_default, layers=("a", "b")) != identity(by_default)


def test_a_configuration_survives_json() -> None:
    config = DescriptorConfig(recipes=("single", "late"), image_sizes=(96, 64))
    stored = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(config).items()}
    assert DescriptorConfig.from_json(stored) == config


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (DescriptorConfig, {"recipes": ()}),
        (DescriptorConfig, {"recipes": ("single", "single")}),
        (DescriptorConfig, {"scales": ()}),
        (DescriptorConfig, {"scales": (800, 0)}),
        (DescriptorConfig, {"scales": (800, 800)}),
        (DescriptorConfig, {"max_pixels": 0}),
        (ComputeConfig, {"actors": 0}),
        (ComputeConfig, {"max_actors": 0}),
        (ComputeConfig, {"actors": 3, "max_actors": 2}),
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
def test_values_that_cannot_work_are_refused_in_one_line(config: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**options)
    assert "\n" not in str(caught.value)


def test_a_benchmark_must_be_named_before_it_is_scored() -> None:
    with pytest.raises(ConfigError, match="--benchmark"):
        _ = EvaluationConfig().name
