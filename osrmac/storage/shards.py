"""Parquet shards: written whole or not at all, named after the ids inside, sorted by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.storage import files
from osrmac.storage.schema import OK

__all__ = ["Vectors", "paths", "read", "read_metadata", "read_vectors", "rows_per_shard", "write", "write_table"]

_SUFFIX = ".parquet"
_MOST_SHARDS = 100
_FEWEST_ROWS, _MOST_ROWS = 16, 8192
_MOST_ROWS_OF_REGIONS = 512
"""An image has some twenty of them."""


def rows_per_shard(images: int, *, regions: bool = False) -> int:
    """Rows after which a shard is committed: few in a small run, so that little is lost when it is killed."""
    return min(max(images // _MOST_SHARDS, _FEWEST_ROWS), _MOST_ROWS_OF_REGIONS if regions else _MOST_ROWS)


def write(folder: str, rows: pa.Table, name: str | None = None) -> str:
    """Commit rows as one shard.

    Args:
        folder: Where it belongs.
        rows: With a column `id`; sorted by it here.
        name: File name; none: derived from the ids, so that writing the same rows again replaces the shard.

    Returns:
        The name of the shard.
    """
    rows = rows.sort_by("id")
    name = name or _name(rows["id"].to_pylist())
    write_table(files.join(folder, name), rows)
    return name


def write_table(url: str, rows: pa.Table) -> None:
    """Write a Parquet file, atomically."""
    floats = [path for field in rows.schema for path in _floats(field.name, field.type)]
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, compression="zstd", use_dictionary=texts, use_byte_stream_split=floats)
    files.write_atomically(url, buffer.getvalue().to_pybytes())


def _floats(path: str, of: pa.DataType) -> Iterator[str]:
    """What Parquet calls the floating-point numbers of a column, also within lists of lists."""
    if pa.types.is_list(of) or pa.types.is_fixed_size_list(of):
        yield from _floats(f"{path}.list.element", of.value_type)
    elif pa.types.is_floating(of):
        yield path


def _name(ids: Iterable[str]) -> str:
    return f"part-{hashlib.sha256(chr(0).join(ids).encode()).hexdigest()[:20]}{_SUFFIX}"


def paths(folder: str) -> list[str]:
    """Sorted URLs of the committed shards of a folder."""
    return files.list_folder(folder, _SUFFIX)


def read(url: str, columns: list[str] | None = None) -> pa.Table:
    """Columns of one shard; all of them by default."""
    fs, path = files.file_system(url)
    with fs.open(path, "rb") as file:
        return pq.read_table(file, columns=columns)


def read_metadata(url: str) -> dict[str, str]:
    """The metadata of one shard."""
    fs, path = files.file_system(url)
    with fs.open(path, "rb") as file:
        metadata = pq.read_schema(file).metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items()}


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
        return Vectors(ids, _matrix(regions.flatten()), pc.list_value_length(regions).to_numpy().astype(np.int64))
    return Vectors(ids, _matrix(table[recipe].combine_chunks())[order])


def _described(shards: Iterable[str], recipe: str, only: pa.Array | None) -> Iterator[pa.Table]:
    for shard in shards:
        table = read(shard, ["id", "status", recipe])
        wanted = pc.equal(table["status"], OK)
        if only is not None:
            wanted = pc.and_(wanted, pc.is_in(table["id"], value_set=only))
        yield table.filter(wanted).select(["id", recipe])


def _matrix(vectors: pa.FixedSizeListArray) -> NDArray[np.float32]:
    values: NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, vectors.type.list_size)
