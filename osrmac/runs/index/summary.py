"""The indexes of a run, and whether they cover all of its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from osrmac.runs.index.files import indexed_methods
from osrmac.runs.index.stored import load_index
from osrmac.runs.shard_reader import map_shards
from osrmac.storage import shards
from osrmac.storage.run import Run

__all__ = ["IndexInfo", "list_indexes"]


@dataclass(frozen=True)
class IndexInfo:
    """An index of a run.

    Attributes:
        method: Reduction whose vectors are indexed.
        space: Space of the index: see `osrmac.runs.index.stored.StoredIndex`.
        factory: Kind of index, in the notation of FAISS's `index_factory`.
        images: Number of images that searches find through it.
        shards: Number of shards of descriptors that it covers.
        not_covered: Number of other shards of the run, which searches scan.
        state: `current`, `incomplete` if shards are not covered, or `stale` if the reduction was fitted again.
    """

    method: str
    space: str
    factory: str
    images: int
    shards: int
    not_covered: int
    state: Literal["current", "incomplete", "stale"]


def list_indexes(run: Run, digests: Mapping[str, str]) -> Iterator[IndexInfo]:
    """Yield the indexes of a run.

    Args:
        run: The run.
        digests: Digest of each of its reductions, by name.
    """
    methods = indexed_methods(run)
    paths = shards.paths(run.descriptors) if methods else []
    names = [path.name for path in paths]
    generations = dict(zip(names, map_shards(shards.generation, paths), strict=True))
    for method in methods:
        index = load_index(run, method)
        if index is None:
            continue
        is_stale = digests.get(method) != index.reduction
        covered = [] if is_stale else list(index.current(generations).values())
        missing = len(generations) - len(covered)
        yield IndexInfo(
            method=method,
            space=index.space,
            factory=index.factory,
            images=sum(shard.rows for shard in covered),
            shards=len(covered),
            not_covered=missing,
            state="stale" if is_stale else "incomplete" if missing else "current",
        )
