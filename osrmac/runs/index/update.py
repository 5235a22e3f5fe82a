"""What to do to bring an index up to date: the parts that stay, and the shards of each part to write."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from osrmac.runs.index.source import IndexSource, ReducedShard
from osrmac.runs.index.stored import IndexedShard, IndexPart, StoredIndex

__all__ = ["Update", "plan_update", "rebuild_reason"]

_GROWTH = 4
"""Number of images, relative to those that an index was trained for, above which it is trained again."""

_DEAD = 0.2
"""Share of the images of a part that may have changed or be gone before the part is made again."""

_SMALL_PARTS = 64
"""Number of parts less than half full before they are made again as full ones."""


@dataclass(frozen=True)
class Update:
    """How to bring an index up to date.

    Attributes:
        kept: Parts that stay as they are.
        groups: Shards of each part to write.
        added: Number of shards that the index did not cover before.
    """

    kept: tuple[IndexPart, ...]
    groups: tuple[tuple[IndexedShard, ...], ...]
    added: int


def rebuild_reason(index: StoredIndex, source: IndexSource, files: Collection[str]) -> str | None:
    """Return why an index cannot be extended and must be built again, in words; None if it can.

    Args:
        index: The index.
        source: The vectors that it must have.
        files: Names of the files that exist.
    """
    if index.reduction != source.reduction:
        return "its reduction was fitted again"
    if index.space != source.space:
        return f"it is for distances {_distances(index)}, not {_distances(source)}"
    if source.images > _GROWTH * index.trained_for:
        return f"it was trained for {index.trained_for:,} images, and there are {source.images:,}"
    if index.quantizer not in files:
        return f"its file {index.quantizer} is missing"
    return None


def _distances(of: StoredIndex | IndexSource) -> str:
    return "cosine" if of.space == "cosine" else "l1 and l2"


def plan_update(parts: Sequence[IndexPart], present: Sequence[ReducedShard], part_rows: int) -> Update:
    """Plan which parts of an index stay, and which are written.

    Args:
        parts: Parts of the index.
        present: Shards of the run.
        part_rows: Number of images in a part, which a part of one shard may exceed.
    """
    found = {(shard.shard, shard.generation) for shard in present}
    alive = {part: [shard for shard in part.shards if (shard.shard, shard.generation) in found] for part in parts}
    kept = [part for part in parts if alive[part] and _rows(alive[part]) >= (1 - _DEAD) * _rows(part.shards)]
    small = [part for part in kept if 2 * _rows(part.shards) < part_rows]
    if len(small) > _SMALL_PARTS:
        kept = [part for part in kept if part not in small]
    again = [shard for part in parts if part not in kept for shard in alive[part]]
    covered = {(shard.shard, shard.generation) for shards in alive.values() for shard in shards}
    new = [shard for shard in present if (shard.shard, shard.generation) not in covered]
    first = max((shard.number for part in parts for shard in part.shards), default=-1) + 1
    numbered = [IndexedShard(first + n, each.shard, each.generation, each.rows) for n, each in enumerate(new)]
    return Update(tuple(kept), tuple(_groups([*again, *numbered], part_rows)), len(new))


def _groups(shards: Sequence[IndexedShard], part_rows: int) -> Iterator[tuple[IndexedShard, ...]]:
    """Group shards in their order, up to a number of images."""
    group: list[IndexedShard] = []
    for shard in shards:
        if group and _rows(group) + shard.rows > part_rows:
            yield tuple(group)
            group = []
        group.append(shard)
    if group:
        yield tuple(group)


def _rows(shards: Sequence[IndexedShard]) -> int:
    return sum(shard.rows for shard in shards)
