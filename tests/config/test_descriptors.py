import json
from dataclasses import replace
from typing import Any

import pytest

from osrmac.config import (
    DescriptorConfig,
    canonical,
    fingerprint,
)
from tests.refusals import check_refusal


def identity(config: DescriptorConfig, layers: tuple[str, ...] = ("b", "a"), weights: str = "w") -> str:
    return fingerprint(canonical(config, layers=layers, weights=weights))


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


def test_the_defaults_are_those_of_the_paper() -> None:
    config = DescriptorConfig()
    assert (config.backbone, config.image_sizes, config.recipes) == ("resnet50", (1050, 800, 550), ("osrmac",))


@pytest.mark.parametrize(
    "options",
    [
        {"image_sizes": ()},
        {"image_sizes": (800, 0)},
        {"image_sizes": (800, 800)},
        {"max_pixels": 0},
        {"recipes": ()},
        {"recipes": ("single", "single")},
    ],
)
def test_invalid_values_are_refused(options: dict[str, Any]) -> None:
    check_refusal(DescriptorConfig, options)
