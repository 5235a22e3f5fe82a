"""Options and their defaults: frozen dataclasses from which the command line and the Python API are derived.

The string below each field is the help text of the option; `osrmac.options` describes its form.
"""

from __future__ import annotations

from osrmac.config.choices import BenchmarkName, Device, Distance, Precision, SelectionMethod
from osrmac.config.descriptors import DEMO_DESCRIPTOR, BackboneConfig, DescriptorConfig, canonical, fingerprint
from osrmac.config.estimation import EstimateConfig
from osrmac.config.evaluation import BenchmarkConfig, CompareConfig, EvaluationConfig, ScoreSheetConfig
from osrmac.config.extraction import (
    ClusterConfig,
    CollectionConfig,
    ComputeConfig,
    FailureConfig,
    FetchConfig,
    ListingConfig,
    PruneConfig,
)
from osrmac.config.indexing import IndexConfig
from osrmac.config.reduction import LayerWeightsConfig, ReductionConfig, SweepConfig
from osrmac.config.refinement import RefinementConfig
from osrmac.config.search import (
    ComparisonConfig,
    DuplicatesConfig,
    ExportConfig,
    MethodConfig,
    OverviewConfig,
    SearchClusterConfig,
    SearchConfig,
)
from osrmac.config.serving import ServeConfig

__all__ = [
    "DEMO_DESCRIPTOR",
    "BackboneConfig",
    "BenchmarkConfig",
    "BenchmarkName",
    "ClusterConfig",
    "CollectionConfig",
    "CompareConfig",
    "ComparisonConfig",
    "ComputeConfig",
    "DescriptorConfig",
    "Device",
    "Distance",
    "DuplicatesConfig",
    "EstimateConfig",
    "EvaluationConfig",
    "ExportConfig",
    "FailureConfig",
    "FetchConfig",
    "IndexConfig",
    "LayerWeightsConfig",
    "ListingConfig",
    "MethodConfig",
    "OverviewConfig",
    "Precision",
    "PruneConfig",
    "ReductionConfig",
    "RefinementConfig",
    "ScoreSheetConfig",
    "SearchClusterConfig",
    "SearchConfig",
    "SelectionMethod",
    "ServeConfig",
    "SweepConfig",
    "canonical",
    "fingerprint",
]
