"""Images whose bytes are in a column of Parquet files, as rows of a listing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt
from fsspec.spec import AbstractFileSystem

from osrmac.config import FetchConfig
from osrmac.errors import ConfigError, StorageError, reason
from osrmac.storage.file_names import absolute, is_unicode, to_unicode
from osrmac.storage.listing import list_values
from osrmac.storage.listing.walk import File
from osrmac.storage.reading.fetch import retrying
from osrmac.storage.reading.member_uri import Row
from osrmac.storage.reading.range_file import open_ranges
from osrmac.storage.schema import COLLECTION

__all__ = ["ParquetFile", "columns_of_bytes", "image_column", "parquet_rows", "schema_of"]

_BLOCK = 1 << 20
"""Bytes that are read at once from remote storage: footers, and columns of names."""

_OWN = b"osrmac."
"""What the keys of the metadata in files of runs begin with."""


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file of a collection.

    Attributes:
        file: The file and its version.
        uri: Path or URL of the file.
        prefix: What the ids of its images begin with, unless it has a column `id`.
    """

    file: File
    uri: str
    prefix: str


def schema_of(fs: AbstractFileSystem, file: File) -> pa.Schema:
    """Read the schema of a Parquet file.

    Raises:
        StorageError: It is no Parquet file.
    """
    with _opened(fs, file) as opened:
        try:
            return pq.read_schema(opened)
        except pa.ArrowException as error:
            raise StorageError(f"{file.path} is no Parquet file: {reason(error)}") from error


def columns_of_bytes(schema: pa.Schema) -> dict[str, str]:
    """Return the columns that may hold images, and for each the path of its bytes.

    They are columns of bytes, and the struct of `bytes` and `path` that Hugging Face datasets have. Files of runs have
    none: theirs are digests.

    >>> image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    >>> columns_of_bytes(pa.schema([("image", image), ("thumbnail", pa.binary()), ("label", pa.int64())]))
    {'image': 'image.bytes', 'thumbnail': 'thumbnail'}
    """
    if any(key.startswith(_OWN) for key in schema.metadata or {}):
        return {}
    found = {}
    for field in schema:
        if _is_bytes(field.type):
            found[field.name] = field.name
        elif pt.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            if _is_bytes(field.type.field("bytes").type):
                found[field.name] = f"{field.name}.bytes"
    return found


def _is_bytes(kind: pa.DataType) -> bool:
    return pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_binary_view(kind)


def image_column(uri: str, schema: pa.Schema, wanted: str | None) -> str | None:
    """Return the path of the column with the images, None if there is none.

    Args:
        uri: Path or URL of the file, for messages.
        schema: Schema of the file.
        wanted: Name of the column, if the user gave one.

    Raises:
        ConfigError: There are several, and none was given.
    """
    columns = columns_of_bytes(schema)
    if wanted is not None:
        return columns.get(wanted)
    if len(columns) > 1:
        raise ConfigError(
            f"{uri} has several columns of bytes, {', '.join(columns)}: name that of the images with --image-column"
        )
    return next(iter(columns.values()), None)


def parquet_rows(fs: AbstractFileSystem, files: Iterable[tuple[ParquetFile, str]]) -> Iterator[pa.Table]:
    """Yield the images in Parquet files, in tables of `schema.COLLECTION`.

    Only footers and columns of names are read. The id is the column `id` if there is one; or else the path of the
    Hugging Face layout, if all rows of the file have different ones; or else the number of the row, in nine digits. The
    size of an image is unknown; it has the etag and modification time of its file.

    Args:
        fs: File system of the files.
        files: The files, and the path of the column with the images in each.
    """
    for parquet, column in files:
        with _opened(fs, parquet.file) as opened:
            try:
                yield from _rows(parquet, column, pq.ParquetFile(opened))
            except pa.ArrowException as error:
                raise StorageError(f"cannot read {parquet.uri}: {reason(error)}") from error


def _opened(fs: AbstractFileSystem, file: File) -> Any:
    config = FetchConfig()
    return open_ranges(
        fs,
        file.path,
        size=file.size,
        timeout=config.fetch_timeout,
        block=_BLOCK,
        retrying=retrying(config.attempts),
    )


def _rows(parquet: ParquetFile, column: str, opened: pq.ParquetFile) -> Iterator[pa.Table]:
    schema = opened.schema_arrow
    path = column.removesuffix("bytes") + "path" if column.endswith(".bytes") else None
    if path is not None and schema.field(column.removesuffix(".bytes")).type.get_field_index("path") < 0:
        path = None
    paths_name = path is not None and "id" not in schema.names and _all_different(opened, path)
    first = 0
    for group in range(opened.num_row_groups):
        rows = opened.metadata.row_group(group)
        numbers = range(first, first + rows.num_rows)
        uris = [Row(parquet.uri, number, column).uri for number in numbers]
        paths = None if path is None else _texts(opened, path, group)
        ids: list[str | None] = [None] * len(uris)
        if "id" in schema.names:
            ids = _texts(opened, "id", group)
        elif paths_name and paths is not None:
            ids = [f"{parquet.prefix}{each}" for each in paths]
        if paths is not None and _without_values(rows, column):
            uris = [_resolved(each, parquet.uri) or uri for each, uri in zip(paths, uris, strict=True)]
        named = [
            _unicode(each or f"{parquet.prefix}{number:09d}") for each, number in zip(ids, numbers, strict=True)
        ]
        version = [[parquet.file.etag] * len(uris), [parquet.file.mtime] * len(uris)]
        yield pa.table([named, uris, [None] * len(uris), *version], schema=COLLECTION)
        first += rows.num_rows


def _all_different(opened: pq.ParquetFile, path: str) -> bool:
    """Return whether every row has a path of its own."""
    paths = _column(opened, path, list(range(opened.num_row_groups)))
    return bool(not paths.null_count and pc.count_distinct(paths).as_py() == len(paths))


def _texts(opened: pq.ParquetFile, path: str, group: int) -> list[str | None]:
    return list_values.texts(_column(opened, path, [group]))


def _column(opened: pq.ParquetFile, path: str, groups: list[int]) -> pa.ChunkedArray:
    """Return a column, or the only field of a struct that is read."""
    column = opened.read_row_groups(groups, columns=[path]).column(0)
    return pa.chunked_array([chunk.field(0) for chunk in column.chunks]) if pt.is_struct(column.type) else column


def _without_values(rows: Any, column: str) -> bool:
    """Return whether the statistics say that a column is null in all rows of a group."""
    for number in range(rows.num_columns):
        chunk = rows.column(number)
        if chunk.path_in_schema == column:
            statistics = chunk.statistics
            return bool(
                rows.num_rows
                and statistics is not None
                and statistics.has_null_count
                and statistics.null_count == rows.num_rows
            )
    return False


def _resolved(path: str | None, file: str) -> str | None:
    """Return the path or URL of an image beside a file that names it, None if there is none."""
    if not path:
        return None
    folder = file.rpartition("/")[0]
    return absolute(path, folder) if is_unicode(path) else None


def _unicode(text: str) -> str:
    return text if is_unicode(text) else to_unicode(text)
