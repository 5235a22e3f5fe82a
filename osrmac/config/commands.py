"""Options of the commands that take those of several configuration classes, as keyword arguments in Python."""

from __future__ import annotations

from dataclasses import dataclass

from osrmac.config.descriptors import DEMO_DESCRIPTOR, BackboneConfig, DescriptorConfig
from osrmac.config.evaluation import BenchmarkConfig, EvaluationConfig
from osrmac.config.extraction import ClusterConfig, CollectionConfig, ComputeConfig, FailureConfig, FetchConfig
from osrmac.config.reduction import LayerWeightsConfig, ReductionConfig, SweepConfig
from osrmac.config.search import DuplicatesConfig

__all__ = [
    "CamOptions",
    "DemoOptions",
    "DuplicatesOptions",
    "EvaluateOptions",
    "ExtractOptions",
    "FitOptions",
    "FitWeightsOptions",
    "RankingsOptions",
    "RunOptions",
    "SweepOptions",
]


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(DescriptorConfig, ComputeConfig, FailureConfig, CollectionConfig):
    """Options of `extract`."""


@dataclass(frozen=True, kw_only=True)
class FitOptions(ReductionConfig, ClusterConfig):
    """Options of `fit`."""


@dataclass(frozen=True, kw_only=True)
class DuplicatesOptions(DuplicatesConfig, ClusterConfig):
    """Options of `duplicates`."""


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(EvaluationConfig, ComputeConfig):
    """Options of `evaluate`."""


@dataclass(frozen=True, kw_only=True)
class RankingsOptions(BenchmarkConfig):
    """Options of `evaluate_rankings`."""

    run: str | None = None
    """Run to write the scores into. (default: none)"""


@dataclass(frozen=True, kw_only=True)
class RunOptions(ExtractOptions, ReductionConfig, EvaluationConfig):
    """Options of `run`."""


@dataclass(frozen=True, kw_only=True)
class DemoOptions(DescriptorConfig, ComputeConfig, ReductionConfig):
    """Options of `demo`."""

    backbone: str = DEMO_DESCRIPTOR.backbone
    recipes: tuple[str, ...] = DEMO_DESCRIPTOR.recipes
    run: str = "osrmac-demo"
    """Local folder of the run."""


@dataclass(frozen=True, kw_only=True)
class FitWeightsOptions(BenchmarkConfig, LayerWeightsConfig, ComputeConfig):
    """Options of `fit_weights`."""


@dataclass(frozen=True, kw_only=True)
class SweepOptions(EvaluationConfig, SweepConfig, ComputeConfig):
    """Options of `sweep`."""


@dataclass(frozen=True, kw_only=True)
class CamOptions(BackboneConfig, FetchConfig):
    """Options of `cam`."""

    output: str = "cam.png"
    """Picture to write."""
