"""Build an approximate index over the reduced vectors of a run, or extend it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

from osrmac.config import ClusterConfig, IndexConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.progress import note, stage
from osrmac.reduction.base import Reduction
from osrmac.runs.index.factory import index_factory, sample_size
from osrmac.runs.index.files import IndexFiles
from osrmac.runs.index.sample import draw_sample
from osrmac.runs.index.stored import StoredIndex, load_index, write_index
from osrmac.runs.index.update import ReducedShard, plan_update
from osrmac.runs.methods import choose_method
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.shard_reader import list_shards, map_shards
from osrmac.storage import shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.location import Location
from osrmac.storage.lock import Lock, Part, locked
from osrmac.storage.run import Run

__all__ = ["Indexing", "index"]

_PART_BYTES = 512_000_000
"""Bytes of vectors that become a part."""

_GROWTH = 4
"""Number of images, relative to those that an index was trained for, above which it is trained again."""


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
    place = Run(run)
    reduction = _indexed_reduction(place, options.method)
    space: Literal["l2", "cosine"] = "cosine" if options.distance == "cosine" else "l2"
    with locked(place.location, Part.INDEX) as lock:
        _write_reduced(place, reduction, cluster)
        return _Build(place, reduction, space, cluster, lock).run(rebuild=options.rebuild)


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


@dataclass(frozen=True)
class _Build:
    """The building of an index."""

    place: Run
    reduction: Reduction
    space: Literal["l2", "cosine"]
    cluster: ClusterConfig
    lock: Lock

    @property
    def folder(self) -> Location:
        return self.place.index(self.reduction.name)

    def run(self, *, rebuild: bool) -> Indexing:
        from osrmac.distributed.index import Vectors, write_parts

        started = time.monotonic()
        vectors = Vectors(self.place.reduced(self.reduction.name), digest(self.reduction), self.space)
        files = IndexFiles(self.folder)
        present = self._present()
        images = sum(shard.rows for shard in present)
        if not images:
            raise StorageError(f"{self.place.url} has no described images to index")
        stored = load_index(self.place, self.reduction.name)
        base = None if rebuild else self._usable(stored, images, files)
        trained = base is None
        if base is None:
            base = self._train(vectors, files, present, images, replaces=stored)
        parts = [part for part in base.parts if part.file in files.names]
        update = plan_update(parts, present, max(1, _PART_BYTES // (4 * self.reduction.dimension)))
        result = replace(base, parts=update.kept)
        if result != stored or update.groups:
            quantizer = base.quantizer, base.quantizer_digest
            with stage("indexing") as progress:
                written = write_parts(vectors, update.groups, quantizer, files, self.cluster, progress.update)
            result = replace(base, parts=(*update.kept, *written))
            self.lock.confirm()
            write_index(self.place, self.reduction.name, result)
            seconds = time.monotonic() - started
            self.place.finish_stage("index", seconds, method=self.reduction.name, images=result.images)
        named = {result.quantizer, *(part.file for part in result.parts)}
        IndexFiles(self.folder).remove_others(named)
        return Indexing(
            run=self.place.url,
            method=self.reduction.name,
            distances=("cosine",) if self.space == "cosine" else ("l1", "l2"),
            images=sum(shard.rows for shard in present),
            shards=len(present),
            added=update.added,
            trained=trained,
            trained_on=result.trained_on,
            factory=result.factory,
            parts=len(result.parts),
            bytes=sum(int(self.folder.fs.size((self.folder / name).path)) for name in named),
            seconds=round(time.monotonic() - started, 3),
        )

    def _present(self) -> list[ReducedShard]:
        """Return the shards that have a reduced copy, sorted by name."""
        reduced = self.place.reduced(self.reduction.name)
        within = [reduced / shard.name for shard in list_shards(self.place)]
        found = map_shards(partial(_reduced_shard, digest(self.reduction)), within)
        return [shard for shard in found if shard is not None]

    def _usable(self, stored: StoredIndex | None, images: int, files: IndexFiles) -> StoredIndex | None:
        """Return the index if it can be extended; otherwise say why it is built again."""
        if stored is None:
            return None
        if stored.reduction != digest(self.reduction):
            reason = f"{self.reduction.name} was fitted again"
        elif stored.space != self.space:
            reason = f"it is of {stored.space} vectors, not of {self.space}"
        elif images > _GROWTH * stored.trained_for:
            reason = f"it was trained for {stored.trained_for} images, and there are {images}"
        elif stored.quantizer not in files.names:
            reason = f"{self.folder / stored.quantizer} is missing"
        else:
            return stored
        note(f"the index is built again: {reason}")
        return None

    def _train(
        self,
        vectors: Any,
        files: IndexFiles,
        present: Sequence[ReducedShard],
        images: int,
        *,
        replaces: StoredIndex | None,
    ) -> StoredIndex:
        """Train an index, which has no parts yet."""
        from osrmac.distributed.index import train

        factory = index_factory(images, self.reduction.dimension)
        drawn = draw_sample([shard.rows for shard in present], sample_size(images), seed=0)
        sample = [(present[position], rows) for position, rows in drawn.items()]
        made_from = (
            *(vectors.reduction, self.space, factory, replaces.quantizer_digest if replaces else None),
            [(shard.shard, shard.generation, shard.rows) for shard in present],
        )
        with stage("training the index"):
            name, content_digest = train(vectors, sample, factory, files, made_from, self.cluster)
        return StoredIndex(
            reduction=vectors.reduction,
            space=self.space,
            factory=factory,
            quantizer=name,
            quantizer_digest=content_digest,
            trained_on=sum(len(rows) for _, rows in sample),
            trained_for=images,
        )


def _reduced_shard(reduction: str, file: Location) -> ReducedShard | None:
    """Return the facts of a reduced shard; None if another command has just replaced or removed it."""
    try:
        footer = shards.footer(file)
    except FileNotFoundError:
        return None
    metadata = shards.metadata_in(footer)
    if metadata["osrmac.selection"] != reduction:
        return None
    return ReducedShard(file.name, shards.generation_of(metadata), footer.num_rows)
