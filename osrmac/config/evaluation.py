"""Options of benchmarks and evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from osrmac.config.checks import at_least_one
from osrmac.config.choices import BenchmarkName, Distance
from osrmac.config.refinement import RefinementConfig
from osrmac.errors import ConfigError

__all__ = ["BenchmarkConfig", "CompareConfig", "EvaluationConfig", "ScoreSheetConfig"]


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """The benchmark, its ground truth and its queries."""

    benchmark: BenchmarkName | None = None
    """Benchmark to score with; groups is for a collection of your own."""

    ground_truth: Annotated[str, "PATH"] | None = None
    """Ground truth: the folder of the authors (oxford5k, paris6k, ilias), gnd_NAME.pkl or the same as JSON (roxford5k,
    rparis6k), gnd_instre.mat (instre), retrieval_solution_v2.1.csv (gldv2), a CSV with the columns id, group and
    optionally query (groups), a list of image names (holidays, gpr1200).
    (default: not needed by ukbench, holidays and gpr1200)"""

    queries: Annotated[tuple[str, ...], "MODE ..."] = ()
    """Query modes: cropped, whole (oxford5k, paris6k, instre, ilias); easy, medium, hard (roxford5k, rparis6k); public,
    private (gldv2); all, first (ukbench); first (holidays); all (gpr1200); all, marked (groups).
    (default: all modes of the benchmark)"""

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
    """The benchmark, further images to rank, and how rankings are refined."""

    distractors: Annotated[str, "RUN"] | None = None
    """Another run, made with the same settings, whose images are ranked along and irrelevant to every query.
    (default: none)"""

    database_augmentation: Annotated[int, "N"] = 0
    """Nearest neighbours that every image is averaged with. The paper uses none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.database_augmentation < 0:
            raise ConfigError(f"--database-augmentation must be 0 or more, not {self.database_augmentation}")

        if self.distractors is not None and self.database_augmentation:
            raise ConfigError("--database-augmentation averages no distractors: leave it out, or --distractors")

    @property
    def conditions(self) -> dict[str, str]:
        """The refinements in words, by the names under which they are stored with scores."""
        if not self.database_augmentation:
            return super().conditions
        averaged = f"{self.database_augmentation} neighbours, alpha {self.alpha:g}"
        return {**super().conditions, "database augmentation": averaged}


@dataclass(frozen=True, kw_only=True)
class ScoreSheetConfig:
    """A file of scores that other evaluations read."""

    scores: Annotated[str, "FILE"] | None = None
    """Also write the first 1000 images of each query, with scores of which the larger is the better, as the JSON that
    ILIAS's evaluation and --rankings read. (default: none)"""

    scores_method: Annotated[str, "NAME"] | None = None
    """Method of these scores. (default: the one that search uses)"""


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """What is compared, and with what."""

    benchmark: Annotated[str, "NAME"] | None = None
    """Scores to compare, named as their file in RUN/evaluation: a benchmark, BENCHMARK-distractors, or
    BENCHMARK-RANKINGS. (default: the only ones that all runs have)"""

    queries: Annotated[tuple[str, ...], "MODE ..."] = ()
    """Query modes. (default: all that the runs have in common)"""

    measure: Annotated[str, "NAME"] | None = None
    """Measure, such as mAP. (default: the main one of the benchmark)"""

    methods: Annotated[tuple[str, ...], "NAME ..."] = ()
    """Methods to compare, named as in an evaluation. (default: all)"""

    baseline: Annotated[str, "NAME"] = "best"
    """Score that the others are compared with: best, first, the name of a method, or RUN:METHOD."""

    resamples: Annotated[int, "N"] = 10_000
    """Number of bootstrap resamples of the queries."""

    seed: int = 0
    """Seed of the resampling."""

    figure: Annotated[str, "FILE"] | None = None
    """Also draw the differences with their intervals, as an SVG file. (default: none)"""

    def __post_init__(self) -> None:
        at_least_one(self, "resamples")
        if self.seed < 0:
            raise ConfigError(f"--seed must be 0 or more, not {self.seed}")
