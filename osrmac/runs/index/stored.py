"""The index over a reduction as it is stored: a trained quantizer, parts of codes, and the file that names them.

`index.json` is the commit point: a part that it does not name does not exist. It says which shards of descriptors each
part covers, and of which generation. A shard that has changed since is not covered any more, whatever the part holds.

The quantizer is an index without images, as `faiss.serialize_index` writes it. A part is an inverted list for each of
its cells, as `faiss.write_InvertedLists` writes them. `faiss.read_InvertedLists(faiss.FileIOReader(path),
faiss.IO_FLAG_MMAP)` maps a local part into memory, and gives `faiss.OnDiskInvertedLists`; of one in a bucket, the bytes
go through a `faiss.VectorIOReader`. `faiss.HStackInvertedLists` joins the lists of several parts.

A file never changes: another content has another name. The files that a new `index.json` does not name are removed as
soon as it is written, so a reader that has loaded an earlier one and misses a file must load it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from osrmac.storage.damage import expected_content
from osrmac.storage.run import Run

__all__ = ["IndexPart", "IndexedShard", "StoredIndex", "load_index", "split_keys", "to_keys", "write_index"]

_ROW_BITS = 32


@dataclass(frozen=True)
class IndexedShard:
    """A shard of descriptors whose images an index has.

    Attributes:
        number: Number of the shard within the index; no other shard, or generation of it, has the same one.
        shard: Name of the shard.
        generation: Generation of the shard whose vectors were indexed.
        rows: Number of described images in it.
    """

    number: int
    shard: str
    generation: int
    rows: int


@dataclass(frozen=True)
class IndexPart:
    """A part of an index: a file of codes.

    Attributes:
        file: Name of the file.
        digest: SHA-256 digest of its content, in hex.
        shards: The shards whose images it has, also those that have changed since or are gone.
    """

    file: str
    digest: str
    shards: tuple[IndexedShard, ...]


@dataclass(frozen=True, kw_only=True)
class StoredIndex:
    """An index over a reduction.

    Attributes:
        reduction: Digest of the reduction.
        space: `l2` for vectors as they are, by which `l1` and `l2` are searched; `cosine` for vectors of unit length.
        factory: Kind of index, in the notation of FAISS's `index_factory`.
        quantizer: Name of the file with the trained index that has no images yet.
        quantizer_digest: SHA-256 digest of its content, in hex.
        trained_on: Number of vectors that it was trained on.
        trained_for: Number of described images of the run then.
        parts: The parts.
    """

    reduction: str
    space: Literal["l2", "cosine"]
    factory: str
    quantizer: str
    quantizer_digest: str
    trained_on: int
    trained_for: int
    parts: tuple[IndexPart, ...] = ()

    @property
    def images(self) -> int:
        """Number of images in all parts."""
        return sum(shard.rows for part in self.parts for shard in part.shards)

    @property
    def files(self) -> set[str]:
        """Names of the files of the quantizer and of all parts."""
        return {self.quantizer, *(part.file for part in self.parts)}

    def current(self, generations: Mapping[str, int]) -> dict[int, IndexedShard]:
        """Return the covered shards by their numbers, without those that have changed or are gone.

        Args:
            generations: Generation of each shard of the run, by name.
        """
        covered = (shard for part in self.parts for shard in part.shards)
        return {shard.number: shard for shard in covered if generations.get(shard.shard) == shard.generation}


def load_index(run: Run, name: str) -> StoredIndex | None:
    """Return the index over a reduction of a run, or None if there is none.

    Raises:
        DamagedFileError: The file is not as it was written.
    """
    file = run.index(name) / "index.json"
    values = file.read_json()
    if values is None:
        return None
    with expected_content(file.url):
        parts = tuple(_part(part) for part in values.pop("parts"))
        return StoredIndex(**values, parts=parts)


def _part(values: Mapping[str, Any]) -> IndexPart:
    return IndexPart(values["file"], values["digest"], tuple(IndexedShard(**shard) for shard in values["shards"]))


def write_index(run: Run, name: str, index: StoredIndex) -> None:
    """Commit an index, whose files have been written, in place of an earlier one."""
    (run.index(name) / "index.json").write_json(asdict(index))


def to_keys(number: int, rows: int) -> NDArray[np.int64]:
    """Return the keys by which an index knows the images of a shard, (rows,), in order of their rows.

    >>> to_keys(2, 3) - (2 << 32)
    array([0, 1, 2])
    """
    return (np.int64(number) << _ROW_BITS) + np.arange(rows, dtype=np.int64)


def split_keys(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of the shard and the row in it of each key; both are -1 where FAISS found nothing.

    >>> split_keys(np.array([(2 << 32) + 1, -1]))
    (array([ 2, -1]), array([ 1, -1]))
    """
    return keys >> _ROW_BITS, np.where(keys < 0, -1, keys & ((1 << _ROW_BITS) - 1))
