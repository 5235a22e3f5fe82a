"""Options of benchmarks and evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from osrmac.config.choices import BenchmarkName, Distance
from osrmac.config.refinement import RefinementConfig
from osrmac.errors import ConfigError

__all__ = ["BenchmarkConfig", "EvaluationConfig"]


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """The benchmark, its ground truth and its queries."""

    benchmark: BenchmarkName | None = None
    """Benchmark to score with; groups is for a collection of your own."""

    ground_truth: Annotated[str, "PATH"] | None = None
    """Ground truth: the folder of the authors (oxford5k, paris6k), gnd_NAME.pkl or the same as JSON (roxford5k,
    rparis6k), a CSV with the columns id, group and optionally query (groups), a list of image names (holidays).
    (default: not needed by ukbench and holidays)"""

    queries: Annotated[tuple[str, ...], "MODE ..."] = ()
    """Query modes: cropped, whole (oxford5k, paris6k); easy, medium, hard (roxford5k, rparis6k); all, first
    (ukbench); first (holidays); all, marked (groups). (default: all modes of the benchmark)"""

    distance: Distance = "l1"
    """Distance between two descriptors."""

    subset: bool = False
    """Accept a collection that lacks images of the benchmark. The score names its coverage."""

    @property
    def name(self) -> str:
        """Name of the benchmark; raises ConfigError if none is given."""
        if self.benchmark is None:
            raise ConfigError("no benchmark given: name one with --benchmark")
        return self.benchmark


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig(RefinementConfig, BenchmarkConfig):
    """The benchmark, and how rankings are refined."""

    database_augmentation: Annotated[int, "N"] = 0
    """Nearest neighbours that every image is averaged with. The paper uses none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.database_augmentation < 0:
            raise ConfigError(f"--database-augmentation must be 0 or more, not {self.database_augmentation}")

    @property
    def conditions(self) -> dict[str, str]:
        """The refinements in words, by the names under which they are stored with scores."""
        if not self.database_augmentation:
            return super().conditions
        averaged = f"{self.database_augmentation} neighbours, alpha {self.alpha:g}"
        return {**super().conditions, "database augmentation": averaged}
