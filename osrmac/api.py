"""The commands as functions with plain arguments, and a class that reads a run.

Options are keyword arguments. Their names and defaults are those of the configuration classes in `osrmac.config`, which
describe them. An unknown option raises TypeError; all other mistakes raise a subclass of `osrmac.errors.OsrmacError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from osrmac.commands import cam as _cam
from osrmac.commands import compare as _compare
from osrmac.commands import demo as _demo
from osrmac.commands import duplicates as _duplicates
from osrmac.commands import estimate as _estimate
from osrmac.commands import evaluate as _evaluate
from osrmac.commands import export as _export
from osrmac.commands import extract as _extract
from osrmac.commands import fit as _fit
from osrmac.commands import fit_weights as _fit_weights
from osrmac.commands import index as _index
from osrmac.commands import info as _info
from osrmac.commands import overview as _overview
from osrmac.commands import prune as _prune
from osrmac.commands import run as _run
from osrmac.commands import search as _search
from osrmac.commands import serve as _serve
from osrmac.commands import verify as _verify
from osrmac.commands.export import Export
from osrmac.commands.extract import Extraction
from osrmac.commands.index import Indexing
from osrmac.commands.info import RunInfo
from osrmac.commands.prune import Pruning
from osrmac.commands.run import RunResult
from osrmac.config import (
    DEMO_DESCRIPTOR,
    BackboneConfig,
    BenchmarkConfig,
    ClusterConfig,
    CollectionConfig,
    CompareConfig,
    ComputeConfig,
    DescriptorConfig,
    DuplicatesConfig,
    EstimateConfig,
    EvaluationConfig,
    ExportConfig,
    FailureConfig,
    FetchConfig,
    IndexConfig,
    LayerWeightsConfig,
    ListingConfig,
    OverviewConfig,
    PruneConfig,
    ReductionConfig,
    ScoreSheetConfig,
    SearchClusterConfig,
    SearchConfig,
    ServeConfig,
    SweepConfig,
)
from osrmac.estimation.result import Estimate
from osrmac.evaluation.comparison import Comparison
from osrmac.evaluation.paper_tables import PaperTable
from osrmac.evaluation.results import Evaluation
from osrmac.evaluation.sweep import Sweep
from osrmac.options import keywords, select
from osrmac.reduction.base import LayerWeighting, Reduction
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.groups import Duplicates
from osrmac.runs.overview.stored import Overview
from osrmac.runs.queries import SearchResult
from osrmac.runs.shard_reader import list_shards, read_blocks, unpruned
from osrmac.storage import run as storage
from osrmac.storage import schema, shards
from osrmac.storage.planning.image_columns import ImageColumns
from osrmac.types import Matrix

__all__ = [
    "Run",
    "cam",
    "compare",
    "demo",
    "duplicates",
    "estimate",
    "evaluate",
    "evaluate_rankings",
    "export",
    "extract",
    "fit",
    "fit_weights",
    "index",
    "info",
    "overview",
    "paper",
    "prune",
    "report",
    "run",
    "search",
    "serve",
    "sweep",
    "verify",
]


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(DescriptorConfig, ComputeConfig, FailureConfig, CollectionConfig):
    """Options of `extract`."""


@dataclass(frozen=True, kw_only=True)
class EstimateOptions(DescriptorConfig, ComputeConfig, FetchConfig, ListingConfig, EstimateConfig):
    """Options of `estimate`."""


@dataclass(frozen=True, kw_only=True)
class FitOptions(ReductionConfig, ClusterConfig):
    """Options of `fit`."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions(SearchConfig, SearchClusterConfig):
    """Options of `search`."""


@dataclass(frozen=True, kw_only=True)
class DuplicatesOptions(DuplicatesConfig, ClusterConfig):
    """Options of `duplicates`."""


@dataclass(frozen=True, kw_only=True)
class IndexOptions(IndexConfig, ClusterConfig):
    """Options of `index`."""


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(EvaluationConfig, ScoreSheetConfig, ComputeConfig):
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


@keywords(ExtractOptions)
def extract(images: str, run: str, options: ExtractOptions) -> Extraction:
    """Describe every image of a collection that the run does not have yet.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs.
        run: Folder or URL of the run; it is created if missing, and continued if it exists.
        options: Keyword arguments: see `DescriptorConfig`, `ComputeConfig`, `FailureConfig` and `CollectionConfig`.
    """
    return _extract.extract(
        images,
        run,
        select(DescriptorConfig, options),
        select(ComputeConfig, options),
        select(FailureConfig, options),
        select(CollectionConfig, options),
    )


@keywords(EstimateOptions)
def estimate(images: str, options: EstimateOptions) -> Estimate:
    """Describe a random sample of a collection, and estimate what the extraction of all of it takes and costs.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs.
        options: Keyword arguments: see `DescriptorConfig`, `ComputeConfig`, `FetchConfig`, `ListingConfig` and
            `EstimateConfig`.
    """
    return _estimate.estimate(
        images,
        select(DescriptorConfig, options),
        select(ComputeConfig, options),
        select(FetchConfig, options),
        select(ListingConfig, options),
        select(EstimateConfig, options),
    )


@keywords(FitOptions)
def fit(run: str, options: FitOptions) -> list[Reduction]:
    """Fit reductions on the descriptors of a run, and write the reduced descriptors.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `ReductionConfig` and `ClusterConfig`.
    """
    return _fit.fit(run, select(ReductionConfig, options), select(ClusterConfig, options))


@keywords(EvaluateOptions)
def evaluate(run: str, options: EvaluateOptions) -> Evaluation:
    """Score every recipe and every reduction of a run, and write the scores into the run.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `EvaluationConfig`, `ScoreSheetConfig` and `ComputeConfig`; `benchmark` is
            required.
    """
    return _evaluate.evaluate(
        run, select(EvaluationConfig, options), select(ComputeConfig, options), select(ScoreSheetConfig, options)
    )


@keywords(RankingsOptions)
def evaluate_rankings(rankings: str, options: RankingsOptions) -> Evaluation:
    """Score rankings made by any other system, and write the scores into a run if one is given.

    Args:
        rankings: Folder with one text file for each query, or one file of all: see
            `osrmac.evaluation.rankings.parse_ranks`.
        options: Keyword arguments: see `BenchmarkConfig`; `benchmark` is required.
    """
    return _evaluate.evaluate_rankings(rankings, select(BenchmarkConfig, options), options.run)


@keywords(CompareConfig)
def compare(runs: str | Sequence[str], options: CompareConfig) -> list[Comparison]:
    """Compare the methods of one or more runs by their stored scores, with intervals of the differences.

    Args:
        runs: Folder or URL of a run, or several of them.
        options: Keyword arguments: see `CompareConfig`.

    Returns:
        A comparison for each query mode.
    """
    return _compare.compare([runs] if isinstance(runs, str) else runs, options)


@keywords(RunOptions)
def run(images: str, run: str, options: RunOptions) -> RunResult:
    """Describe a collection, fit reductions, score them if a benchmark is named, and write the report.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs.
        run: Folder or URL of the run; it is created if missing, and continued if it exists.
        options: Keyword arguments: see `DescriptorConfig`, `ComputeConfig`, `FailureConfig`, `ReductionConfig`,
            `EvaluationConfig` and `CollectionConfig`. All of them are checked before the first image is described.
    """
    return _run.run(
        images,
        run,
        select(DescriptorConfig, options),
        select(ComputeConfig, options),
        select(FailureConfig, options),
        select(ReductionConfig, options),
        select(EvaluationConfig, options),
        select(CollectionConfig, options),
    )


@keywords(DemoOptions)
def demo(options: DemoOptions) -> RunResult:
    """Make a small collection from bundled photographs, and do all steps on it.

    Args:
        options: Keyword arguments: see `DescriptorConfig`, `ComputeConfig` and `ReductionConfig`.
    """
    return _demo.demo(
        options.run, select(DescriptorConfig, options), select(ComputeConfig, options), select(ReductionConfig, options)
    )


@keywords(SearchOptions)
def search(run: str, queries: str | Sequence[str], options: SearchOptions) -> SearchResult:
    """Find the images of a run that are nearest to each query.

    Args:
        run: Folder or URL of the run.
        queries: One query or several: ids of images of the run, or else paths or URLs of any images; none, `()`, with
            `queries_from` or `query_run`.
        options: Keyword arguments: see `SearchConfig` and `SearchClusterConfig`.

    Returns:
        The result of each query. Queries of a list that cannot be read have an `error`, and no matches.
    """
    given = [queries] if isinstance(queries, str) else queries
    return _search.search(run, given, select(SearchConfig, options), select(SearchClusterConfig, options))


@keywords(ServeConfig)
def serve(run: str, options: ServeConfig) -> None:
    """Serve a run to browsers until the process is interrupted, and print the address.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `ServeConfig`.
    """
    _serve.serve(run, options, print)


@keywords(DuplicatesOptions)
def duplicates(run: str, options: DuplicatesOptions) -> Duplicates:
    """Group the near-duplicates among the images of a run, or those between two runs.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `DuplicatesConfig` and `ClusterConfig`.
    """
    return _duplicates.duplicates(run, select(DuplicatesConfig, options), select(ClusterConfig, options))


@keywords(OverviewConfig)
def overview(run: str, options: OverviewConfig) -> Overview:
    """Return the groups, the map and the outliers of a run, which are made if they are missing or out of date.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `OverviewConfig`.
    """
    return _overview.overview(run, options)


@keywords(ExportConfig)
def export(run: str, output: str, options: ExportConfig) -> Export:
    """Export the vectors of a run to a new local folder.

    Args:
        run: Folder or URL of the run.
        output: Local folder to create.
        options: Keyword arguments: see `ExportConfig`; `to` is required.
    """
    return _export.export(run, output, options)


@keywords(IndexOptions)
def index(run: str, options: IndexOptions) -> Indexing:
    """Build an approximate index over the reduced vectors of a run, or add what is missing in the one that it has.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `IndexConfig` and `ClusterConfig`.
    """
    return _index.index(run, select(IndexConfig, options), select(ClusterConfig, options))


@keywords(SweepOptions)
def sweep(run: str, options: SweepOptions) -> Sweep:
    """Score reductions to many numbers of features, and write the scores into the run.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `EvaluationConfig`, `SweepConfig` and `ComputeConfig`; `benchmark` is required.
    """
    from osrmac.commands.sweep import sweep

    return sweep(run, select(EvaluationConfig, options), select(SweepConfig, options), select(ComputeConfig, options))


@keywords(FitWeightsOptions)
def fit_weights(run: str, options: FitWeightsOptions) -> LayerWeighting:
    """Weight the layers of a descriptor, with given weights or with weights fitted on a benchmark.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `BenchmarkConfig`, `LayerWeightsConfig` and `ComputeConfig`.
    """
    return _fit_weights.fit_weights(
        run, select(BenchmarkConfig, options), select(LayerWeightsConfig, options), select(ComputeConfig, options)
    )


@keywords(CamOptions)
def cam(image: str, options: CamOptions) -> str:
    """Draw the class activation map of an image, and return the path of the picture.

    Args:
        image: Path or URL of an image.
        options: Keyword arguments: see `BackboneConfig`; `output` is the picture to write.
    """
    return _cam.cam(image, options.output, select(BackboneConfig, options), select(FetchConfig, options))


@keywords(ClusterConfig)
def verify(run: str, options: ClusterConfig) -> list[str]:
    """Check the integrity of a run, and return its problems, each as one line.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `ClusterConfig`.
    """
    return list(_verify.verify(run, options))


@keywords(PruneConfig)
def prune(run: str, options: PruneConfig) -> Pruning:
    """Remove images from a run: those that are gone from its collection, or those that a list names.

    Args:
        run: Folder or URL of the run.
        options: Keyword arguments: see `PruneConfig`; nothing is removed without `yes=True`.
    """
    return _prune.prune(run, options)


def info(run: str) -> RunInfo:
    """Summarize a run."""
    return _info.info(run)


def report(run: str) -> str:
    """Write the report of a run, and return its URL."""
    from osrmac.commands.report import report

    return report(run)


def paper(run: str) -> list[PaperTable]:
    """Compare the scores of a run with those of the paper, and write both into the run."""
    from osrmac.commands.paper import paper

    return paper(run)


class Run:
    """A run, opened to read it.

    Opening reads nothing yet: the methods raise `NotFoundError` if there is no run.

    Args:
        url: Folder or URL of the run.
    """

    def __init__(self, url: str) -> None:
        self._files = storage.Run(url)

    def __repr__(self) -> str:
        return f"Run({self.url!r})"

    @property
    def url(self) -> str:
        """Absolute path or URL of the run."""
        return self._files.url

    def info(self) -> RunInfo:
        """Summarize the run."""
        return info(self.url)

    def table(self, *, vectors: bool = False) -> pa.Table:
        """Read the rows of all planned images into memory.

        Args:
            vectors: Whether to include the descriptors, one column for each recipe.

        Returns:
            A table with the columns `id`, `uri`, `status` (`ok` or `failed`), `error_stage`, `error`, `width` and
            `height`, and the user's own columns, in the order of the shards. A column that has the name of a recipe is
            left out beside the descriptors.
        """
        columns = None if vectors else schema.DESCRIBED.names
        with unpruned(self._files):
            own = ImageColumns(self._files.manifest)
            read = (own.added_to(shards.read(shard, columns), shard.name) for shard in list_shards(self._files))
            return pa.concat_tables(read)

    def vectors(self, method: str | None = None) -> tuple[list[str], Matrix]:
        """Read the vectors that a search compares into memory.

        Args:
            method: Recipe or reduction, named as in an evaluation. (default: the longest PFA reduction of osrmac, or
                else the descriptor itself)

        Returns:
            The sorted ids of the n described images, and their vectors, float32, (n, d).

        Raises:
            ConfigError: Unknown method.
        """
        with unpruned(self._files):
            within = list_shards(self._files)
            read = list(read_blocks(self._files, choose_method(self._files, method, local=False), within))
        ids = np.array([image for block in read for image in block.ids], dtype=object)
        order = np.argsort(ids, kind="stable")
        return ids[order].tolist(), np.concatenate([block.vectors[0] for block in read])[order]

    @keywords(SearchOptions)
    def search(self, queries: str | Sequence[str], options: SearchOptions) -> SearchResult:
        """Find the images of the run that are nearest to each query: see `search`."""
        given = [queries] if isinstance(queries, str) else queries
        return _search.search(self.url, given, select(SearchConfig, options), select(SearchClusterConfig, options))
