"""Train an index in one Ray task, and write its parts in others."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from osrmac.config import ClusterConfig
from osrmac.distributed.cluster.connect import connect
from osrmac.distributed.tasks import OnProgress, root_cause, run_tasks
from osrmac.prefetch import prefetch
from osrmac.runs.index.factory import index_factory, sample_size
from osrmac.runs.index.files import IndexFiles, file_digest, index_file_is_intact, part_origin, write_file
from osrmac.runs.index.lists import encode
from osrmac.runs.index.quantizer import load_quantizer, train_quantizer
from osrmac.runs.index.sample import draw_sample
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import IndexedShard, IndexPart, StoredIndex
from osrmac.storage.location import Location
from osrmac.types import Matrix

__all__ = ["train", "write_parts"]

_READ_AHEAD = 2
"""Number of shards read ahead of the one in use."""


def train(source: IndexSource, files: IndexFiles, replaced: StoredIndex | None, cluster: ClusterConfig) -> StoredIndex:
    """Train an index on all CPUs of one node, unless an interrupted build has done that.

    Args:
        source: The vectors; at least one.
        files: Files of the index.
        replaced: Index that the new one replaces, if any.
        cluster: The cluster.

    Returns:
        An index without parts.
    """
    factory, size = index_factory(source.images), sample_size(source.images)
    origin = [
        *(source.reduction, source.space, factory, replaced.quantizer_digest if replaced else None),
        [[shard.shard, shard.generation, shard.rows] for shard in source.shards],
    ]
    (found,) = files.find("quantizer", [origin])
    trained = _intact(found)
    if trained is None:
        connect(cluster)
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        cpus = max(int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"])
        drawn = draw_sample([shard.rows for shard in source.shards], size, seed=0)
        task = _train.options(num_cpus=max(1, cpus))
        with root_cause():
            trained = ray.get(task.remote(source, drawn, factory, files.folder, origin))
    return StoredIndex(
        reduction=source.reduction,
        space=source.space,
        factory=factory,
        quantizer=trained[0],
        quantizer_digest=trained[1],
        trained_on=size,
        trained_for=source.images,
    )


def write_parts(
    source: IndexSource,
    index: StoredIndex,
    groups: Sequence[Sequence[IndexedShard]],
    files: IndexFiles,
    cluster: ClusterConfig,
    on_progress: OnProgress | None = None,
) -> list[IndexPart]:
    """Write parts of an index, but for those that an interrupted build has written.

    A task has the vectors of a few shards in memory, and the codes of its part.

    Args:
        source: The vectors.
        index: The trained index.
        groups: Shards of each part.
        files: Files of the index.
        cluster: The cluster.
        on_progress: Called with the number of parts written, and of all.

    Raises:
        DamagedFileError: The trained index is not as it was written.
        StorageError: Another command has replaced a shard.
    """
    if not groups:
        return []
    trained = files.read(index.quantizer, index.quantizer_digest)
    connect(cluster)
    shared_index = ray.put(np.frombuffer(trained, np.uint8))
    shared = ray.put(source)
    origins = [part_origin(index.quantizer_digest, group) for group in groups]
    found = zip(groups, origins, files.find("part", origins), strict=True)
    calls = [(shared, group, shared_index, files.folder, origin, existing) for group, origin, existing in found]
    return list(run_tasks(_write_part, calls, on_progress))


@ray.remote
def _train(
    source: IndexSource, drawn: Mapping[int, NDArray[np.int64]], factory: str, folder: Location, origin: Sequence[Any]
) -> tuple[str, str]:
    # Ray sets the variable to the CPUs of the task, unless the user has set it.
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    content = train_quantizer(_read_sample(source, drawn), factory, threads)
    return write_file(folder, "quantizer", content, origin)


def _read_sample(source: IndexSource, drawn: Mapping[int, NDArray[np.int64]]) -> Matrix:
    within = [source.shards[position] for position in drawn]
    sample = np.empty((sum(map(len, drawn.values())), source.dimension), np.float32)
    filled = 0
    read = prefetch(source.read, within, threads=_READ_AHEAD, depth=_READ_AHEAD)
    for vectors, rows in zip(read, drawn.values(), strict=True):
        sample[filled : filled + len(rows)] = vectors[rows]
        filled += len(rows)
    return sample


@ray.remote
def _write_part(
    source: IndexSource,
    group: Sequence[IndexedShard],
    trained: NDArray[np.uint8],
    folder: Location,
    origin: Sequence[Any],
    existing: Location | None,
) -> IndexPart:
    written = _intact(existing)
    if written is None:
        read = prefetch(source.read, group, threads=_READ_AHEAD, depth=_READ_AHEAD)
        numbered = zip((shard.number for shard in group), read, strict=True)
        written = write_file(folder, "part", encode(load_quantizer(trained), numbered), origin)
    return IndexPart(*written, tuple(group))


def _intact(file: Location | None) -> tuple[str, str] | None:
    """Return the name and the digest of a file of an index; None if it is missing or damaged."""
    content = None if file is None else file.read_if_exists()
    if file is None or content is None or not index_file_is_intact(file.name, content):
        return None
    return file.name, file_digest(content)
