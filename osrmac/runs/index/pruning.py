"""Remove shards from an index because images of them are removed from the run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from osrmac.errors import DamagedFileError
from osrmac.progress import warn
from osrmac.runs.index.files import IndexFiles, file_digest, part_origin, write_file
from osrmac.runs.index.lists import without_shards
from osrmac.runs.index.stored import IndexPart, StoredIndex, load_index, write_index
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["remove_shards"]


def remove_shards(run: Run, name: str, shards: Collection[str]) -> int:
    """Remove shards from an index, of any generation, and the files that are not in use.

    It may be interrupted at any point, and repeated. The images of a damaged part leave the index.

    Args:
        run: The run.
        name: Name of the reduction.
        shards: Names of the shards.

    Returns:
        Number of shards that were in the index.
    """
    folder = run.index(name)
    try:
        index = load_index(run, name)
    except DamagedFileError as error:
        warn(f"{error}; it is removed now")
        (folder / "index.json").remove()
        index = None
    if index is None:
        IndexFiles(folder).remove_others(())
        return 0
    kept = [_without(folder, index, part, shards) for part in index.parts]
    changed = replace(index, parts=tuple(part for part in kept if part is not None))
    if changed != index:
        write_index(run, name, changed)
    IndexFiles(folder).remove_others(changed.files)
    return sum(len(part.shards) for part in index.parts) - sum(len(part.shards) for part in changed.parts)


def _without(folder: Location, index: StoredIndex, part: IndexPart, shards: Collection[str]) -> IndexPart | None:
    """Return a part without some shards, which is written if it differs; None if nothing is left of it."""
    left = tuple(shard for shard in part.shards if shard.shard not in shards)
    if left == part.shards:
        return part
    content = (folder / part.file).read_if_exists() if left else None
    if content is None or file_digest(content) != part.digest:
        if left:
            warn(f"{folder / part.file} is missing or damaged: its images leave the index")
        return None
    numbers = [shard.number for shard in part.shards if shard not in left]
    remaining = without_shards(content, numbers)
    return IndexPart(*write_file(folder, "part", remaining, part_origin(index.quantizer_digest, left)), left)
