"""Build an approximate index over the reduced vectors of a run, or extend it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from osrmac.config import ClusterConfig, IndexConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.progress import note, stage
from osrmac.reduction.base import Reduction
from osrmac.runs.index.files import IndexFiles
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import StoredIndex, load_index, write_index
from osrmac.runs.index.update import plan_update, rebuild_reason
from osrmac.runs.methods import choose_method
from osrmac.storage.file_names import to_unicode
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run

__all__ = ["Indexing", "index"]

_PART_BYTES = 512_000_000
"""Bytes of vectors that become a part."""


@dataclass(frozen=True)
class Indexing:
    """An index, and what was done to build or extend it.

    Attributes:
        run: Folder or URL of the run.
        method: Reduction whose vectors are indexed.
        distances: Distances that searches may use it for.
        images: Number of images in the index.
        shards: Number of shards of descriptors that it covers.
        added: Number of these that were added now.
        trained: Whether it was trained now.
        trained_on: Number of vectors that it was trained on.
        factory: Kind of index, in the notation of FAISS's `index_factory`.
        parts: Number of its parts.
        bytes: Size of its files.
        seconds: Time taken.
    """

    run: str
    method: str
    distances: tuple[str, ...]
    images: int
    shards: int
    added: int
    trained: bool
    trained_on: int
    factory: str
    parts: int
    bytes: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return asdict(self) | {"run": to_unicode(self.run)}


def index(run: str, options: IndexConfig = IndexConfig(), cluster: ClusterConfig = ClusterConfig()) -> Indexing:
    """Build an approximate index over the reduced vectors of a run, or add what is missing in the one that it has.

    An index is trained once, and built again as a whole if its reduction was fitted again, if the distance has another
    space, or if the run has more than four times the images that it was trained for. An interrupted build is continued.

    Args:
        run: Run with a reduction.
        options: The vectors to index.
        cluster: Cluster that does the work.

    Raises:
        ConfigError: No such method, or one without a reduction or with several vectors an image.
        StorageError: No run, no described images, or another process that writes the index or the reductions.
    """
    from osrmac.distributed.index import train

    started = time.monotonic()
    place = Run(run)
    reduction = _indexed_reduction(place, options.method)
    with locked(place.location, Part.INDEX) as lock:
        _write_reduced(place, reduction, cluster)
        stored = load_index(place, reduction.name)
        source = IndexSource.of(place, reduction, _space(options, stored))
        if not source.images:
            raise StorageError(f"{place.url} has no described images to index")
        files = IndexFiles(place.index(reduction.name))
        base = None if options.rebuild else _extensible(stored, source, files)
        trained = base is None
        if base is None:
            with stage("training the index"):
                base = train(source, files, stored, cluster)
        result, added = _extended(base, source, files, cluster)
        lock.confirm()
        if result != stored:
            write_index(place, reduction.name, result)
            place.finish_stage("index", time.monotonic() - started, method=reduction.name, images=source.images)
        files.remove_others(result.files)
        size = files.size(result.files)
    return Indexing(
        run=place.url,
        method=reduction.name,
        distances=("cosine",) if result.space == "cosine" else ("l1", "l2"),
        images=source.images,
        shards=len(source.shards),
        added=added,
        trained=trained,
        trained_on=result.trained_on,
        factory=result.factory,
        parts=len(result.parts),
        bytes=size,
        seconds=round(time.monotonic() - started, 3),
    )


def _indexed_reduction(run: Run, name: str | None) -> Reduction:
    method = choose_method(run, name, regions=True)
    if method.reduction is None:
        raise ConfigError(
            f"{method.name} has no reduction, and whole descriptors are not indexed: fit one with "
            f"osrmac fit {run.url}, or name one with --method"
        )
    if len(method.recipes) > 1 or method.best_region:
        raise ConfigError(
            f"{method.name} compares several vectors of an image, and an index has one: name the reduction with "
            f"--method {method.reduction.name}"
        )
    return method.reduction


def _write_reduced(run: Run, reduction: Reduction, cluster: ClusterConfig) -> None:
    """Write the reduced shards that are missing or outdated."""
    from osrmac.distributed.reduce import write_reduced

    with locked(run.location, Part.REDUCTIONS), stage(f"reducing to {reduction.name}") as progress:
        write_reduced(run, reduction, cluster, progress.update)


def _space(options: IndexConfig, stored: StoredIndex | None) -> Literal["l2", "cosine"]:
    if options.distance is None:
        return "l2" if stored is None else stored.space
    return "cosine" if options.distance == "cosine" else "l2"


def _extensible(stored: StoredIndex | None, source: IndexSource, files: IndexFiles) -> StoredIndex | None:
    """Return the index if it can be extended; otherwise say why it is built again."""
    reason = None if stored is None else rebuild_reason(stored, source, files.names())
    if reason is not None:
        note(f"the index is built again: {reason}")
        return None
    return stored


def _extended(
    base: StoredIndex, source: IndexSource, files: IndexFiles, cluster: ClusterConfig
) -> tuple[StoredIndex, int]:
    """Write what is missing in an index; return the complete one, and the number of shards that were added."""
    from osrmac.distributed.index import write_parts

    existing = files.names()
    parts = [part for part in base.parts if part.file in existing]
    update = plan_update(parts, source.shards, max(1, _PART_BYTES // (4 * source.dimension)))
    with stage("indexing") as progress:
        written = write_parts(source, base, update.groups, files, cluster, progress.update)
    return replace(base, parts=(*update.kept, *written)), update.added
