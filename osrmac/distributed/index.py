"""Train an index in one Ray task, and write its parts in others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import ray
from numpy.typing import NDArray

from osrmac.config import ClusterConfig
from osrmac.distributed.cluster.connect import connect
from osrmac.distributed.tasks import OnProgress, root_cause, run_tasks
from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.runs.index.files import IndexFiles, file_digest, index_file_is_intact, write_file
from osrmac.runs.index.lists import encode
from osrmac.runs.index.quantizer import indexed_vectors, load_quantizer, train_quantizer
from osrmac.runs.index.stored import IndexedShard, IndexPart
from osrmac.runs.index.update import ReducedShard
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.types import Matrix

__all__ = ["Vectors", "train", "write_parts"]

_READ_AHEAD = 2
"""Number of shards read ahead of the one in use."""


@dataclass(frozen=True)
class Vectors:
    """The reduced vectors of a run, as they are indexed.

    Attributes:
        folder: Folder of the reduced shards.
        reduction: Digest of the reduction.
        space: Space of the index.
    """

    folder: Location
    reduction: str
    space: Literal["l2", "cosine"]

    def read(self, shard: ReducedShard | IndexedShard) -> Matrix:
        """Read the vectors of a shard, (n, k), in order of its rows.

        Raises:
            StorageError: Another command has replaced the shard.
        """
        file = self.folder / shard.shard
        table = shards.read(file)
        metadata = shards.metadata_of(table)
        if (metadata["osrmac.selection"], shards.generation_of(metadata)) != (self.reduction, shard.generation):
            raise StorageError(f"{file} was replaced while it was indexed: run the same command again")
        return indexed_vectors(shards.matrix(table["vector"].combine_chunks()), self.space)


def train(
    vectors: Vectors,
    sample: Sequence[tuple[ReducedShard, NDArray[np.int64]]],
    factory: str,
    files: IndexFiles,
    made_from: Sequence[Any],
    cluster: ClusterConfig,
) -> tuple[str, str]:
    """Train an index on a sample, on all CPUs of one node, unless that was done before.

    Args:
        vectors: The vectors of the run.
        sample: Shards to read, and the rows of each to train on.
        factory: Kind of index, in the notation of FAISS's `index_factory`.
        files: Files of the index.
        made_from: What the trained index depends on.
        cluster: The cluster.

    Returns:
        Name and digest of the file of the trained index.
    """
    found = _intact(files.find("quantizer", *made_from))
    if found is not None:
        return found
    connect(cluster)
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    cpus = max(int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"])
    task = _train.options(num_cpus=max(1, cpus))
    with root_cause():
        written: tuple[str, str] = ray.get(task.remote(vectors, list(sample), factory, files.folder, list(made_from)))
    return written


def write_parts(
    vectors: Vectors,
    groups: Sequence[Sequence[IndexedShard]],
    quantizer: tuple[str, str],
    files: IndexFiles,
    cluster: ClusterConfig,
    on_progress: OnProgress | None = None,
) -> list[IndexPart]:
    """Write the parts of an index, but for those that were written before.

    Args:
        vectors: The vectors of the run.
        groups: Shards of each part.
        quantizer: Name and digest of the file of the trained index.
        files: Files of the index.
        cluster: The cluster.
        on_progress: Called with the number of parts written, and of all.
    """
    if not groups:
        return []
    connect(cluster)
    name, digest = quantizer
    trained = ray.put(np.frombuffer((files.folder / name).read_bytes(), np.uint8))
    existing = [files.find("part", digest, _made_from(group)) for group in groups]
    calls = [
        (vectors, tuple(group), trained, digest, files.folder, found)
        for group, found in zip(groups, existing, strict=True)
    ]
    return list(run_tasks(_write_part, calls, on_progress))


@ray.remote
def _train(
    vectors: Vectors,
    sample: Sequence[tuple[ReducedShard, NDArray[np.int64]]],
    factory: str,
    folder: Location,
    made_from: Sequence[Any],
) -> tuple[str, str]:
    drawn = [read[rows] for read, (_, rows) in zip(_read_ahead(vectors, [s for s, _ in sample]), sample, strict=True)]
    joined = np.concatenate(drawn)
    del drawn
    # Ray sets the variable to the CPUs of the task, unless the user has set it.
    content = train_quantizer(joined, factory, threads=int(os.environ.get("OMP_NUM_THREADS", "1")))
    return write_file(folder, "quantizer", content, *made_from)


@ray.remote
def _write_part(
    vectors: Vectors,
    group: Sequence[IndexedShard],
    trained: NDArray[np.uint8],
    digest: str,
    folder: Location,
    existing: Location | None,
) -> IndexPart:
    found = _intact(existing)
    if found is None:
        numbered = zip((shard.number for shard in group), _read_ahead(vectors, group), strict=True)
        content = encode(load_quantizer(trained.tobytes()), numbered)
        found = write_file(folder, "part", content, digest, _made_from(group))
    return IndexPart(*found, tuple(group))


def _read_ahead(vectors: Vectors, within: Sequence[ReducedShard | IndexedShard]) -> Iterator[Matrix]:
    return prefetch(partial(vectors.read), within, threads=_READ_AHEAD, depth=_READ_AHEAD)


def _made_from(group: Sequence[IndexedShard]) -> list[tuple[str, int, int]]:
    return [(shard.shard, shard.generation, shard.number) for shard in group]


def _intact(file: Location | None) -> tuple[str, str] | None:
    """Return the name and the digest of a file of an index; None if it is missing or damaged."""
    content = None if file is None else file.read_if_exists()
    if file is None or content is None or not index_file_is_intact(file.name, content):
        return None
    return file.name, file_digest(content)
