"""Exact comparison of queries with all images of a collection by Ray tasks, one for each part of the collection.

Each task scans its part as `osrmac.runs.scan.Scan` does, and returns a summary of the distances; the summaries of all
parts are merged. The vectors of the queries are put into the object store once.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import ray

from osrmac.config import ClusterConfig, Device, Distance
from osrmac.distributed.cluster.connect import connect
from osrmac.distributed.tasks import OnProgress, run_tasks
from osrmac.errors import ConfigError
from osrmac.retrieval.topk import candidates, merge_nearest
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Source
from osrmac.storage.location import Location
from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["ClusterScan", "Nodes"]

_PART = 64_000_000
"""Bytes of vectors of a part: they are read and compared in about a second."""

_PARTS = 256
"""Parts of a source at most; those of a large collection are larger."""

_IN_MEMORY = 2_000_000_000
"""Bytes of vectors that even a single node does not read into memory at once."""

_Summary = TypeVar("_Summary")


@dataclass(frozen=True)
class Nodes:
    """The nodes of a cluster, over which scans are spread: see `osrmac.runs.searcher.Spread`.

    Attributes:
        cluster: The cluster, to which the first scan connects.
        device: `cuda` if each task takes a GPU; otherwise each takes a CPU.
        on_progress: Called with the number of parts that are scanned, and of all.
    """

    cluster: ClusterConfig
    device: Device = "cpu"
    on_progress: OnProgress | None = None

    def pays(self, size: int) -> bool:
        """Return whether the cluster is faster: there are several nodes and parts, or more than 2 GB of vectors."""
        if size <= _PART:
            return False
        connect(self.cluster)
        return size > _IN_MEMORY or sum(node["Alive"] for node in ray.nodes()) > 1  # type: ignore[no-untyped-call]

    def scan(self, sources: Sequence[Source], distance: Distance, outside: frozenset[str] = frozenset()) -> ClusterScan:
        """Return a scan of some sources.

        Raises:
            ConfigError: The cluster does not answer, or has no GPU.
        """
        connect(self.cluster)
        if self.device == "cuda" and not ray.cluster_resources().get("GPU"):  # type: ignore[no-untyped-call]
            raise ConfigError("--device cuda, but the cluster has no GPU: use --device cpu")
        device = "cuda" if self.device == "cuda" else "cpu"
        return ClusterScan(tuple(sources), Scan(tuple, distance, device, outside), on_progress=self.on_progress)


@dataclass(frozen=True)
class ClusterScan:
    """An exact scan of a collection by Ray tasks: see `osrmac.runs.searcher.ExactSearcher`.

    Attributes:
        sources: The images.
        settings: A scan of nothing that has the settings of the scan of each part.
        recipe: Position of the only recipe that is compared; None compares all recipes.
        on_progress: Called with the number of parts that are scanned, and of all.
    """

    sources: tuple[Source, ...]
    settings: Scan
    recipe: int | None = None
    on_progress: OnProgress | None = None

    def compare(self, queries: Sequence[Matrix]) -> _ClusterComparison:
        """Compare queries with all images; each summary computes the distances again."""
        return _ClusterComparison(self, ray.put(list(queries)))

    def nearest(self, queries: Sequence[Matrix], number: int) -> list[list[Match]]:
        """Return the nearest images of each query, nearest first; ties are ordered by id and marked."""
        summary = partial(candidates, queries=len(queries[0]), number=number)
        return merge_nearest(self.compare(queries).summarize(summary), len(queries[0]), number)

    def vectors(self, ids: Iterable[str]) -> list[dict[str, Matrix]]:
        """Look up images, and return for each recipe their vectors, (k,), by id; unknown ids are left out."""
        found = [part for part in self.run(_look_up, ray.put(frozenset(ids))) if part]
        return [dict(ChainMap(*of_recipe)) for of_recipe in zip(*found, strict=True)]

    def of_recipe(self, index: int) -> ClusterScan:
        """Return a scan of one recipe's vectors."""
        return replace(self, recipe=index)

    def of_all(self) -> ClusterScan:
        """Return a scan that leaves no image out of the results."""
        return replace(self, settings=self.settings.of_all())

    def run(self, task: Any, *arguments: Any) -> Iterator[Any]:
        """Run a task with a scan of each part and some arguments, and yield the results in order."""
        calls = [
            (settings, part, *arguments)
            for source in self.sources
            for settings in [ray.put((source.read, self.settings, self.recipe))]
            for part in parts(source)
        ]
        on_gpu = self.settings.device == "cuda"
        yield from run_tasks(task.options(num_gpus=1) if on_gpu else task, calls, self.on_progress)


def parts(source: Source) -> list[Sequence[Location]]:
    """Divide the shards of a source into parts of about 64 MB, but into 256 parts at most."""
    number = min(_PARTS, len(source.shards), max(1, -(-source.size // _PART)))
    starts = [part * len(source.shards) // number for part in range(number + 1)]
    return [source.shards[start:end] for start, end in pairwise(starts)]


_Settings = tuple[Callable[[Sequence[Location]], Iterable[Any]], Scan, int | None]


def _scan(settings: _Settings, part: Sequence[Location]) -> Scan:
    read, scan, recipe = settings
    whole = replace(scan, blocks=partial(read, part))
    return whole if recipe is None else whole.of_recipe(recipe)


@dataclass(frozen=True)
class _ClusterComparison:
    """Distances that Ray tasks compute: see `osrmac.runs.searcher.Comparison`.

    Attributes:
        scan: The scan.
        queries: Reference to the vectors of the queries in the object store.
    """

    scan: ClusterScan
    queries: Any

    def summarize(self, summary: Callable[[Iterable[DistanceBlock]], _Summary]) -> Iterator[_Summary]:
        """Yield a summary of the distances to each part, in order; each is one Ray task."""
        yield from self.scan.run(_summarize, self.queries, ray.put(summary))


@ray.remote
def _summarize(
    settings: _Settings,
    part: Sequence[Location],
    queries: list[Matrix],
    summary: Callable[[Iterable[DistanceBlock]], Any],
) -> Any:
    return summary(_scan(settings, part).distances(queries))


@ray.remote
def _look_up(settings: _Settings, part: Sequence[Location], ids: frozenset[str]) -> list[dict[str, Matrix]]:
    return _scan(settings, part).vectors(ids)
