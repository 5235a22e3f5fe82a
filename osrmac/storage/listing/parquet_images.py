"""Images whose bytes are in a column of Parquet files, as rows of a listing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt
from fsspec.spec import AbstractFileSystem

from osrmac.errors import ConfigError, StorageError, reason
from osrmac.progress import note, warn
from osrmac.storage.file_names import absolute, is_unicode, to_unicode
from osrmac.storage.listing import list_values
from osrmac.storage.listing.container import Container
from osrmac.storage.listing.own_columns import OwnColumns, own_columns
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.reading.member_uri import Row
from osrmac.storage.schema import COLLECTION

__all__ = ["columns_of_bytes", "has_images", "image_column", "rows"]

_BLOCK = 1 << 16
"""Bytes that are read at least from remote storage, so that small columns beside each other are read at once."""

_OWN = b"osrmac."
"""What the keys of the metadata in files of runs begin with."""


def has_images(fs: AbstractFileSystem, parquet: Container, wanted: str | None) -> bool:
    """Return whether a file has a column of bytes, and no column `uri`, which makes it a list.

    Args:
        fs: File system of the file.
        parquet: The file.
        wanted: Name of the column, if the user gave one.

    Raises:
        ConfigError: There are several columns of bytes, and none was given.
    """
    with _read(fs, parquet) as opened:
        return image_column(parquet.uri, opened.schema_arrow, wanted) is not None


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
    paths = {field.name: field.name if _is_bytes(field.type) else f"{field.name}.bytes" for field in schema}
    return {field.name: paths[field.name] for field in schema if _is_bytes(field.type) or _has_bytes(field.type)}


def _has_bytes(kind: pa.DataType) -> bool:
    return pt.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)


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
    columns = {} if "uri" in schema.names else columns_of_bytes(schema)
    if wanted is not None:
        return columns.get(wanted)
    if len(columns) > 1:
        raise ConfigError(
            f"{uri} has several columns of bytes, {', '.join(columns)}: name that of the images with --image-column"
        )
    return next(iter(columns.values()), None)


def rows(
    fs: AbstractFileSystem,
    files: Iterable[Container],
    wanted: str | None,
    skipped: Skipped,
    *,
    with_columns: bool = True,
) -> Iterator[pa.Table]:
    """Yield the images in Parquet files, in tables of `schema.COLLECTION`.

    They are followed by the user's own columns, those of the first file with images: see `own_columns`. A note names
    those that are left out.

    The bytes of the images are not read. The id is the column `id` if there is one; or else the path of the
    Hugging Face layout, if all rows of the file have different ones; or else the number of the row, in nine digits. The
    size of an image is unknown; it has the etag and modification time of its file.

    Args:
        fs: File system of the files.
        files: The files.
        wanted: Name of the column with the images, if the user gave one.
        skipped: Counts the files without images.
        with_columns: Whether to keep the user's own columns.
    """
    own = None if with_columns else own_columns(pa.schema([]), ())
    for parquet in files:
        column = None
        try:
            with _read(fs, parquet) as opened:
                column = image_column(parquet.uri, opened.schema_arrow, wanted)
                if column is None:
                    skipped.add(parquet.file.path)
                    continue
                if own is None:
                    own = _own_columns(parquet, column, opened.schema_arrow)
                yield from _rows(parquet, column, opened, own)
        except StorageError as error:
            if column is not None or not parquet.prefix:
                raise
            warn(f"passed over {parquet.uri}: {error}")


@contextmanager
def _read(fs: AbstractFileSystem, parquet: Container) -> Iterator[pq.ParquetFile]:
    try:
        with parquet.open(fs, _BLOCK) as file:
            yield pq.ParquetFile(file)
    except pa.ArrowException as error:
        raise StorageError(f"cannot read the Parquet file {parquet.uri}: {reason(error)}") from error


def _own_columns(parquet: Container, column: str, columns: pa.Schema) -> OwnColumns:
    own = own_columns(columns, {*COLLECTION.names, column.removesuffix(".bytes")})
    if own.left_out:
        note(f"not kept of {parquet.uri}: {'; '.join(own.left_out)}")
    return own


def _rows(parquet: Container, column: str, opened: pq.ParquetFile, own: OwnColumns) -> Iterator[pa.Table]:
    schema = opened.schema_arrow
    struct, path = _struct_and_path(column, schema)
    small = [*({*own.schema.names, "id"} & set(schema.names)), *([] if path is None else [path])]
    # Each row group is read once, in the order of the file, so that one request serves columns beside each other.
    groups = [opened.read_row_groups([number], small, use_threads=False) for number in range(opened.num_row_groups)]
    paths = [[None] * len(table) if path is None else _texts_of_field(table[struct]) for table in groups]
    named_by_path = "id" not in schema.names and _all_different(paths)
    first = 0
    for group, (table, names) in enumerate(zip(groups, paths, strict=True)):
        numbers = range(first, first + len(table))
        uris = [Row(parquet.uri, number, column).uri for number in numbers]
        ids: list[str | None] = [None] * len(uris)
        if "id" in schema.names:
            ids = list_values.texts(table["id"])
        elif named_by_path:
            ids = [f"{parquet.prefix}{each}" for each in names]
        if _without_values(opened.metadata.row_group(group), column):
            uris = [_resolved(each, parquet.uri) or uri for each, uri in zip(names, uris, strict=True)]
        named = [_unicode(each or f"{parquet.prefix}{number:09d}") for each, number in zip(ids, numbers, strict=True)]
        version = [[parquet.file.etag] * len(uris), [parquet.file.mtime] * len(uris)]
        images = pa.table([named, uris, [None] * len(uris), *version], schema=COLLECTION)
        yield own.added_to(images, table)
        first += len(table)


def _struct_and_path(column: str, schema: pa.Schema) -> tuple[str, str | None]:
    """Return the column of structs in the Hugging Face layout, and the path of its field `path`, if there is one."""
    struct = column.removesuffix(".bytes")
    has_path = struct != column and schema.field(struct).type.get_field_index("path") >= 0
    return struct, f"{struct}.path" if has_path else None


def _texts_of_field(structs: pa.ChunkedArray) -> list[str | None]:
    """Return the texts of the only field of structs that has been read."""
    return list_values.texts(pa.chunked_array([chunk.field(0) for chunk in structs.chunks], structs.type.field(0).type))


def _all_different(paths: Sequence[Sequence[str | None]]) -> bool:
    """Return whether every row of a file has a path of its own."""
    together = list(chain.from_iterable(paths))
    distinct = set(together)
    return None not in distinct and len(distinct) == len(together)


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
