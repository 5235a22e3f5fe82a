"""Parquet shards: written atomically, sorted by id."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.errors import StorageError, reason
from osrmac.storage import checksums
from osrmac.storage.damage import damaged
from osrmac.storage.file_names import is_unicode
from osrmac.storage.filesystem import storage_errors
from osrmac.storage.location import Location
from osrmac.storage.schema import OK

__all__ = [
    "Vectors",
    "damage",
    "described_ids",
    "find",
    "footer",
    "generation",
    "generation_of",
    "matrix",
    "metadata_in",
    "metadata_of",
    "paths",
    "read",
    "read_groups",
    "read_metadata",
    "read_vectors",
    "replace",
    "shard_count",
    "write",
    "write_groups",
    "write_table",
]

_SUFFIX = ".parquet"
_MAX_BYTES = 128_000_000
_GROUP_BYTES = 128_000
_SHARDS = 500
_GENERATION = "osrmac.generation"


def shard_count(new: int, images: int, row_bytes: int, workers: int, rows: int) -> int:
    """Return the number of shards for new images: in a small run the same for every worker, if there are enough images.

    A killed worker loses at most one shard of work, on a GPU two. The shards of a large run do not depend on the
    workers, unless there are more of these.

    Args:
        new: Number of new images.
        images: Number of all planned images, of which a shard has at most a five-hundredth.
        row_bytes: Size of one image's vectors; a shard has at most 128 MB of them.
        workers: Number of describing processes.
        rows: Number of images in a shard of a small run, where this is more than a five-hundredth.

    >>> shard_count(297, 297, row_bytes=12288, workers=2, rows=64)
    6
    """
    most = max(1, min(max(rows, images // _SHARDS), _MAX_BYTES // row_bytes))
    if images // _SHARDS > rows:
        return min(new, max(workers, -(-new // most)))
    per_worker = -(-new // (workers * most))
    return min(new, workers * per_worker)


def write(folder: Location, rows: pa.Table, name: str, generation: int = 0, *, small_groups: bool = False) -> None:
    """Commit rows as one shard, replacing the shard of the same name.

    Args:
        folder: Folder of the shards.
        rows: Table with a column `id`, by which the rows are sorted here.
        name: File name.
        generation: Generation of the plan that the shard fulfils.
        small_groups: Whether single rows will be read: see `write_table`.
    """
    replace(folder / name, rows, generation, small_groups=small_groups)


def replace(shard: Location, rows: pa.Table, generation: int, *, small_groups: bool = False) -> None:
    """Commit rows as a shard of a generation; the rows are sorted by id here."""
    metadata = {**(rows.schema.metadata or {}), _GENERATION.encode(): str(generation)}
    write_table(shard, rows.sort_by("id").replace_schema_metadata(metadata), small_groups=small_groups)


def generation(shard: Location) -> int:
    """Return the generation of the plan that a shard fulfils."""
    return generation_of(read_metadata(shard))


def generation_of(metadata: Mapping[str, str]) -> int:
    """Return the generation in the metadata of a shard."""
    return int(metadata.get(_GENERATION, 0))


def write_table(file: Location, rows: pa.Table, *, small_groups: bool = False) -> None:
    """Write a Parquet file, atomically.

    Args:
        file: File to write.
        rows: Its rows.
        small_groups: Write row groups of 128 kB, so that single rows can be read with few others, instead of one group.
            Files are 1% larger, and read as fast as a whole.
    """
    floats = [path for field in rows.schema for path in _float_columns(field.name, field.type)]
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    size = max(1, _GROUP_BYTES * rows.num_rows // max(1, rows.nbytes)) if small_groups else max(1, rows.num_rows)
    groups = [rows.slice(start, size) for start in range(0, max(1, rows.num_rows), size)]
    write_groups(file, groups, use_dictionary=texts, use_byte_stream_split=floats)


def write_groups(file: Location, groups: Sequence[pa.Table], **encoding: Any) -> None:
    """Write a Parquet file with a row group for each table, atomically, with checksums of its pages and its digest.

    Args:
        file: File to write.
        groups: Tables of the same schema; at least one.
        encoding: Options of `pyarrow.parquet.ParquetWriter`.
    """
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, groups[0].schema, compression="zstd", write_page_checksum=True, **encoding) as writer:
        for group in groups:
            writer.write_table(group)
        writer.add_key_value_metadata(checksums.PARQUET_METADATA)
    file.write_bytes(checksums.parquet_with_digest(buffer.getvalue().to_pybytes()))


def _float_columns(path: str, arrow_type: pa.DataType) -> Iterator[str]:
    """Yield the Parquet path of a column of floating-point numbers, also within nested lists."""
    if pa.types.is_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type):
        yield from _float_columns(f"{path}.list.element", arrow_type.value_type)
    elif pa.types.is_floating(arrow_type):
        yield path


def paths(folder: Location) -> list[Location]:
    """List the committed shards of a folder, sorted by name."""
    return folder.files(_SUFFIX)


def read(shard: Location, columns: list[str] | None = None) -> pa.Table:
    """Read columns of a shard, by default all of them.

    Raises:
        DamagedFileError: The file does not hold what was written.
    """
    with _damage_found(shard), _opened(shard) as file:
        return pq.read_table(file, columns=columns, page_checksum_verification=True)


def find(shard: Location, ids: Sequence[str], columns: list[str]) -> pa.Table:
    """Read columns of the rows that have one of some ids, from the row groups whose range of ids holds one of them.

    Args:
        shard: A shard.
        ids: Ids, sorted.
        columns: Columns to read; `id` is one of them.

    Raises:
        DamagedFileError: The file does not hold what was written.
    """
    with _damage_found(shard), _opened(shard) as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        groups = [group for group in range(parquet.num_row_groups) if _may_hold(parquet.metadata, group, ids)]
        if not groups:
            return parquet.schema_arrow.empty_table().select(columns)
        table = parquet.read_row_groups(groups, columns, use_threads=False)
    return table.filter(pc.is_in(table["id"], value_set=pa.array(ids, pa.string())))


def _may_hold(footer: pq.FileMetaData, group: int, ids: Sequence[str]) -> bool:
    """Return whether some of these sorted ids lie between the first and the last of a row group."""
    known = footer.row_group(group).column(footer.schema.names.index("id")).statistics
    if known is None or not known.has_min_max:
        return True
    following = bisect_left(ids, known.min)
    return following < len(ids) and ids[following] <= known.max


def read_groups(file: Location, groups: Sequence[int], footer: pq.FileMetaData | None = None) -> pa.Table:
    """Read some row groups of a Parquet file, and nothing else of it.

    Args:
        file: Parquet file.
        groups: Their numbers.
        footer: Footer of the file, if it has been read.

    Raises:
        DamagedFileError: The file does not hold what was written.
    """
    with _damage_found(file), _opened(file, read_ahead=False) as opened:
        # Groups that follow each other are read at once.
        parquet = pq.ParquetFile(opened, metadata=footer, page_checksum_verification=True, pre_buffer=True)
        return parquet.read_row_groups(groups, use_threads=False)


def described_ids(shard: Location) -> list[str]:
    """Return the sorted ids of the images in a shard that have descriptors."""
    table = read(shard, ["id", "status"])
    ids: list[str] = table.filter(pc.equal(table["status"], OK))["id"].sort().to_pylist()
    return ids


def footer(file: Location) -> pq.FileMetaData:
    """Read the footer of a Parquet file: its row groups, columns and metadata.

    Raises:
        DamagedFileError: The file does not hold what was written.
    """
    with _damage_found(file), _opened(file) as opened:
        return pq.read_metadata(opened)


@contextmanager
def _opened(file: Location, *, read_ahead: bool = True) -> Iterator[pa.NativeFile | BinaryIO]:
    """Open a file for Arrow, a local one without Python.

    Arrow's threads may let go of a file a little later than its reader. If that is a Python object, and the interpreter
    is ending, the process aborts.
    """
    if file.is_local and is_unicode(file.path):
        with storage_errors(file.url), pa.OSFile(file.path) as native:
            yield native
    else:
        with file.open(read_ahead=read_ahead) as opened:
            yield opened


@contextmanager
def _damage_found(file: Location) -> Iterator[None]:
    """Raise DamagedFileError where a Parquet file cannot be read because of its content, not because of the storage."""
    try:
        yield
    except StorageError as error:
        problem = damage(file.read_bytes())
        if problem is None:
            raise
        raise damaged(file.url, problem) from error


def damage(content: bytes) -> str | None:
    """Read a Parquet file to its end, and return what is wrong with it, on one line; None if nothing is."""
    if not content:
        return "it is empty"
    try:
        pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read()
    except Exception as error:  # damaged files make Arrow raise exceptions of many types
        return reason(error)
    return None if checksums.parquet_is_intact(content) else "its digest is that of another content"


def read_metadata(shard: Location) -> dict[str, str]:
    """Read the metadata that osrmac has stored in the footer of a shard."""
    return metadata_in(footer(shard))


def metadata_in(footer: pq.FileMetaData) -> dict[str, str]:
    """Return the metadata that osrmac has stored in the footer of a shard."""
    return _own(footer.metadata)


def metadata_of(table: pa.Table) -> dict[str, str]:
    """Return the metadata that osrmac has stored in the shard that a table was read from."""
    return _own(table.schema.metadata)


def _own(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (metadata or {}).items() if key.startswith(b"osrmac.")}


@dataclass(frozen=True, eq=False)
class Vectors:
    """Descriptors with their ids.

    Attributes:
        ids: n ids, sorted.
        values: Descriptors, float32, (n, d); for a regional recipe the regions of all images in order, (sum of R, d).
        regions: Number of regions of each image, R, (n,); None for one descriptor an image.
    """

    ids: list[str]
    values: NDArray[np.float32]
    regions: NDArray[np.int64] | None = None


def read_vectors(shards: Iterable[Location], recipe: str, only: pa.Array | pa.ChunkedArray | None = None) -> Vectors:
    """Read the descriptors of all described images into memory, sorted by id.

    Args:
        shards: Shards of descriptors, at least one.
        recipe: Recipe, the column to read.
        only: Ids to read; None for all of them.
    """
    table = pa.concat_tables(_described_rows(shard, recipe, only) for shard in shards)
    order = pc.sort_indices(table["id"])
    ids = table["id"].take(order).to_pylist()
    if pa.types.is_list(table[recipe].type):
        regions = table[recipe].take(order).combine_chunks()
        return Vectors(ids, matrix(regions), pc.list_value_length(regions).to_numpy().astype(np.int64))
    return Vectors(ids, matrix(table[recipe].combine_chunks())[order])


def _described_rows(shard: Location, recipe: str, only: pa.Array | pa.ChunkedArray | None) -> pa.Table:
    table = read(shard, ["id", "status", recipe])
    wanted = pc.equal(table["status"], OK)
    if only is not None:
        wanted = pc.and_(wanted, pc.is_in(table["id"], value_set=only))
    return table.filter(wanted).select(["id", recipe])


def matrix(vectors: pa.FixedSizeListArray | pa.ListArray) -> NDArray[np.float32]:
    """Convert an Arrow array of n vectors to float32, (n, d); lists of regions are concatenated."""
    if pa.types.is_list(vectors.type):
        vectors = vectors.flatten()
    values: NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, vectors.type.list_size)
