"""Options of search, of near-duplicates, of the overview and of export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from osrmac.config.checks import at_least_one
from osrmac.config.choices import Device, Distance
from osrmac.config.extraction import ClusterConfig
from osrmac.config.refinement import RefinementConfig
from osrmac.errors import ConfigError

__all__ = [
    "ComparisonConfig",
    "DuplicatesConfig",
    "ExportConfig",
    "MethodConfig",
    "OverviewConfig",
    "SearchClusterConfig",
    "SearchConfig",
]


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """The vectors that represent an image."""

    method: Annotated[str, "NAME"] | None = None
    """Recipe or reduction whose vectors are used, named as in an evaluation.
    (default: as osrmac fit decided for the run, or else the descriptor itself)"""


@dataclass(frozen=True, kw_only=True)
class ComparisonConfig(MethodConfig):
    """How images are compared."""

    distance: Distance = "l1"
    """Distance between two vectors."""

    device: Device = "auto"
    """Device that computes the distances. auto uses a GPU if there is one."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig(RefinementConfig, ComparisonConfig):
    """The queries, how images are compared, and how rankings are refined."""

    top: Annotated[int, "N"] = 10
    """Images to find for each query."""

    exact: bool = False
    """Compare all images, although the run has an index."""

    candidates: Annotated[int, "N"] = 200
    """Images that are compared exactly for each query where an index is used; four times --top at least."""

    box: Annotated[tuple[float, float, float, float], "LEFT TOP RIGHT BOTTOM"] | None = None
    """Part of the query image to search for, in pixels of the upright image. (default: the entire image)"""

    queries_from: Annotated[str, "FILE"] | None = None
    """Search with all images of a list: a .txt file with one id, path or URL a line, or a .csv or .parquet file with a
    column id or uri. (default: those given as QUERY)"""

    query_run: Annotated[str, "RUN"] | None = None
    """Search with all described images of another run with the same descriptor options, or of this run, where an image
    is left out of its own results. (default: none)"""

    @property
    def in_batches(self) -> bool:
        """Whether there may be many queries, which are searched with a bounded number at a time."""
        return self.queries_from is not None or self.query_run is not None

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one(self, "top", "candidates")
        if self.queries_from is not None and self.query_run is not None:
            raise ConfigError("--queries-from and --query-run both name the queries: give one of them")
        if self.box is not None and self.in_batches:
            raise ConfigError("--box is a part of one image: name the image as QUERY")


@dataclass(frozen=True, kw_only=True)
class SearchClusterConfig(ClusterConfig):
    """The Ray cluster that compares the images."""

    address: Annotated[str, "HOST:PORT"] | None = None
    """Ray cluster that compares the images. (default: $RAY_ADDRESS if set, else this process compares them)"""


@dataclass(frozen=True, kw_only=True)
class DuplicatesConfig(ComparisonConfig):
    """Which images count as near-duplicates, and what becomes of them."""

    method: Annotated[str, "NAME"] | None = None
    """Recipe or reduction whose vectors are compared, named as in an evaluation.
    (default: the whole descriptor, osrmac or else the first recipe)"""

    same: Literal["picture", "scene"] = "picture"
    """Find copies of a picture (recompressed, scaled, cropped, in grey, ...), whose pixels are compared, too; or also
    other shots of a scene."""

    min_precision: float = 0.99
    """Share of the pairs found that must be right, by which the thresholds are chosen; above 0 and below 1."""

    threshold: float | None = None
    """Largest distance between two near-duplicates, which are then found by their vectors alone.
    (default: chosen for the precision)"""

    exact: bool = False
    """Compare all pairs of images, also of more than 20 000, where otherwise only those in the same or in neighbouring
    clusters are compared."""

    against: Annotated[str, "RUN"] | None = None
    """Another run with the same descriptor options: find only pairs of an image of the one and one of the other.
    (default: compare the images of the run with each other)"""

    groups: Literal["connected", "complete"] = "connected"
    """Groups whose images are linked directly or through others, or groups in which every pair is linked."""

    keep: Literal["largest", "oldest", "first"] = "largest"
    """Image of each group to keep: the one of most pixels, of the earliest file, or of the first id. With --against,
    the images of the other run are kept."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold < math.inf:
            raise ConfigError(f"--threshold must be 0 or more, not {self.threshold}")
        if not 0 < self.min_precision < 1:
            raise ConfigError(f"--min-precision must be above 0 and below 1, not {self.min_precision}")


@dataclass(frozen=True, kw_only=True)
class OverviewConfig:
    """How the overview of a collection is made."""

    sample: Annotated[int, "N"] = 10_000
    """Images that are compared with each other, grouped and mapped, at most; the others join their groups and are
    placed among them. The memory grows with the square of the number: 800 MB for 10 000."""

    device: Device = "auto"
    """Device that computes the distances. auto uses a GPU if there is one."""

    def __post_init__(self) -> None:
        at_least_one(self, "sample")


@dataclass(frozen=True, kw_only=True)
class ExportConfig(MethodConfig):
    """The vectors to export, and their format."""

    to: Literal["lance", "faiss", "npy"]
    """Format: a LanceDB table, a flat FAISS index, or a NumPy array."""
