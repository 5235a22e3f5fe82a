"""Parquet shards: written whole or not at all, sorted by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.storage import filesystem
from osrmac.storage.schema import OK

__all__ = [
    "Vectors",
    "described_ids",
    "footer",
    "generation",
    "matrix",
    "opened",
    "paths",
    "read",
    "read_metadata",
    "read_vectors",
    "rows_per_shard",
    "write",
    "write_table",
]

_SUFFIX = ".parquet"
_MOST_BYTES = 128_000_000
_SHARDS = 500
_GENERATION = "osrmac.generation"


def rows_per_shard(images: int, row_bytes: int) -> int:
    """How many images make a shard: what a kill costs each describing process at most, or twice that beside a GPU.

    A five-hundredth of a small collection, and of a large one as many as make 128 MB.
    """
    return max(1, min(images // _SHARDS, _MOST_BYTES // row_bytes))


def write(folder: str, rows: pa.Table, name: str, generation: int = 0) -> None:
    """Commit rows as one shard, replacing what it held.

    Args:
        folder: Where it belongs.
        rows: With a column `id`; sorted by it here.
        name: File name.
        generation: Of the plan it fulfils.
    """
    metadata = {**(rows.schema.metadata or {}), _GENERATION: str(generation)}
    write_table(filesystem.join(folder, name), rows.sort_by("id").replace_schema_metadata(metadata))


def generation(url: str) -> int:
    """Of the plan that a shard fulfils."""
    return int(read_metadata(url).get(_GENERATION, 0))


def write_table(url: str, rows: pa.Table) -> None:
    """Write a Parquet file, atomically."""
    floats = [path for field in rows.schema for path in _floats(field.name, field.type)]
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, compression="zstd", use_dictionary=texts, use_byte_stream_split=floats)
    filesystem.write_atomically(url, buffer.getvalue().to_pybytes())


def _floats(path: str, of: pa.DataType) -> Iterator[str]:
    """What Parquet calls the floating-point numbers of a column, also within lists of lists."""
    if pa.types.is_list(of) or pa.types.is_fixed_size_list(of):
        yield from _floats(f"{path}.list.element", of.value_type)
    elif pa.types.is_floating(of):
        yield path


def paths(folder: str) -> list[str]:
    """Sorted URLs of the committed shards of a folder."""
    return filesystem.list_folder(folder, _SUFFIX)


@contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """A file to read from, wherever it lies."""
    fs, path = filesystem.file_system(url)
    with filesystem.storage_errors(url), fs.open(path, "rb") as file:
        yield file


def read(url: str, columns: list[str] | None = None) -> pa.Table:
    """Columns of one shard; all of them by default."""
    with opened(url) as file:
        return pq.read_table(file, columns=columns)


def described_ids(url: str) -> list[str]:
    """Sorted ids of the images in a shard of descriptors that have some."""
    table = read(url, ["id", "status"])
    ids: list[str] = table.filter(pc.equal(table["status"], OK))["id"].sort().to_pylist()
    return ids


def footer(url: str) -> pq.FileMetaData:
    """What a file says of its row groups and columns."""
    with opened(url) as file:
        return pq.read_metadata(file)


def read_metadata(url: str) -> dict[str, str]:
    """The metadata of one shard."""
    metadata = footer(url).metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items() if key.startswith(b"osrmac.")}


@dataclass(frozen=True, eq=False)
class Vectors:
    """Descriptors with their ids.

    Attributes:
        ids: n ids, sorted.
        values: float32, (n, d); of a recipe of regions (sum of R, d), those of one image after those of another.
        regions: How many vectors each image has, (n,), or None if it is one.
    """

    ids: list[str]
    values: NDArray[np.float32]
    regions: NDArray[np.int64] | None = None


def read_vectors(shards: Iterable[str], recipe: str, only: pa.Array | None = None) -> Vectors:
    """The descriptors of all images that have one, in memory, sorted by id.

    Args:
        shards: URLs of shards of descriptors.
        recipe: Which column.
        only: Ids to read; none: all of them.
    """
    table = pa.concat_tables(_described(shards, recipe, only))
    order = pc.sort_indices(table["id"])
    ids = table["id"].take(order).to_pylist()
    if pa.types.is_list(table[recipe].type):
        regions = table[recipe].take(order).combine_chunks()
        return Vectors(ids, matrix(regions), pc.list_value_length(regions).to_numpy().astype(np.int64))
    return Vectors(ids, matrix(table[recipe].combine_chunks())[order])


def _described(shards: Iterable[str], recipe: str, only: pa.Array | None) -> Iterator[pa.Table]:
    for shard in shards:
        table = read(shard, ["id", "status", recipe])
        wanted = pc.equal(table["status"], OK)
        if only is not None:
            wanted = pc.and_(wanted, pc.is_in(table["id"], value_set=only))
        yield table.filter(wanted).select(["id", recipe])


def matrix(vectors: pa.FixedSizeListArray | pa.ListArray) -> NDArray[np.float32]:
    """Vectors, or the regions of all images one after the other, as rows."""
    if pa.types.is_list(vectors.type):
        vectors = vectors.flatten()
    values: NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, vectors.type.list_size)
