"""Describers of the backbones and arithmetics that are compared."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch

from benchmarks.device.settings import LITE, Settings
from osrmac.config import DescriptorConfig, Precision
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.recipes import RECIPES, need_embedding
from osrmac.errors import WeightsError

__all__ = ["TF32", "config", "load", "load_weights", "recipes"]

TF32 = "fp32 with TF32"
"""Arithmetic that `Describer` forbids, because it is no more exact than bf16 in most layers."""


@cache
def load_weights(backbone: str, weights: str) -> Weights:
    """The weights of EfficientNet-Lite0 are those of its package where it is installed."""
    if backbone == LITE:
        try:
            return backbones.load_weights(backbone, "auto")
        except WeightsError:
            return backbones.load_weights(backbone, "random:0")
    return backbones.load_weights(backbone, weights)


def config(settings: Settings, arithmetic: str, **others: Any) -> DescriptorConfig:
    precision = cast("Precision", "fp32" if arithmetic == TF32 else arithmetic)
    return DescriptorConfig(precision=precision, **{"image_sizes": settings.image_sizes} | others)


def load(settings: Settings, backbone: str, arithmetic: str, device: str | None = None, **options: Any) -> Describer:
    """Build a describer.

    Args:
        settings: Options of the benchmark.
        backbone: Name of the backbone.
        arithmetic: A precision, or `TF32`.
        device: Torch device, by default the one that is measured.
        options: Options of the configuration and of `Describer`.
    """
    own = {name: options.pop(name) for name in ("compiled", "max_batch_size") if name in options}
    described = config(settings, arithmetic, **options)
    state, embedding = load_weights(backbone, settings.weights).state, need_embedding(described.recipes)
    network = backbones.build(backbone, (), state, embedding=embedding)
    describer = Describer(network, described, device or settings.device, **own)
    if arithmetic == TF32:
        _allow_tf32(describer)
    return describer


def _allow_tf32(describer: Describer) -> None:
    if not hasattr(describer, "_exact_arithmetic"):
        raise RuntimeError("Describer has no method that forbids TF32")
    describer._exact_arithmetic = lambda: torch.backends.cudnn.flags(  # type: ignore[method-assign]
        enabled=True, allow_tf32=True, deterministic=True
    )


def recipes(settings: Settings, backbone: str) -> tuple[str, ...]:
    """Names of all recipes that a backbone has the layers for."""
    network = backbones.build(backbone, (), load_weights(backbone, settings.weights).state)
    has_classifier = network.classifier is not None
    return tuple(name for name, recipe in RECIPES.items() if has_classifier or not recipe.needs_classifier)
