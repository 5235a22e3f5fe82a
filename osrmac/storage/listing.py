"""What a collection holds: every image, with what tells whether it has changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem
from fsspec.utils import glob_translate

from osrmac.errors import StorageError, reason
from osrmac.storage import filesystem
from osrmac.storage.schema import COLLECTION
from osrmac.storage.walk import File, version, walk

__all__ = ["IMAGE_SUFFIXES", "listing"]

IMAGE_SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_LIST_SUFFIXES = (".csv", ".parquet", ".txt")
_MAGIC = frozenset("*?[")
_LOCAL = ("size", "mtime")
_BATCH = 100_000

_T = TypeVar("_T")


def listing(images: str) -> Iterator[pa.Table]:
    """List a collection.

    Args:
        images: A folder, a bucket's prefix, a glob, or a list of URIs: a text file (one a line), or
            a CSV or Parquet file with the column `uri` and, if wanted, `id`, `size`, `etag` and `mtime`.

    Returns:
        Some rows at a time. The id is the path relative to the folder; in a list, the URI.

    Raises:
        StorageError: There is no such place, it has no images, or the list cannot be used.
    """
    fs, path = filesystem.file_system(images)
    with filesystem.storage_errors(images):
        is_list = path.endswith(_LIST_SUFFIXES) and fs.isfile(path)
    if is_list:
        batches = (_from_list(images, table) for table in _parsed(images))
    else:
        batches = (pa.Table.from_pylist(rows, schema=COLLECTION) for rows in _batched(_found(fs, path, images)))
    filled = _accessed(images, (batch for batch in batches if batch.num_rows))
    first = next(filled, None)
    if first is None:
        raise StorageError(f"no images in {images}: osrmac looks for {' '.join(IMAGE_SUFFIXES)}")
    return chain([first], filled)


def _accessed(images: str, batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    try:
        with filesystem.storage_errors(images):
            yield from batches
    except FileNotFoundError as error:
        raise StorageError(
            f"{images} has changed while it was listed, {reason(error)}: run the same command again"
        ) from error


def _found(fs: AbstractFileSystem, path: str, images: str) -> Iterator[dict[str, Any]]:
    is_glob = _MAGIC & set(path) and not fs.isdir(path)  # a folder may have an asterisk in its name
    root = _fixed_part(path) if is_glob else path
    try:
        found = walk(fs, root, _depth(path, root) if is_glob else None)
    except FileNotFoundError as error:
        raise StorageError(
            f"no folder {images}: give a folder, a bucket's prefix, a glob, or a list of URIs"
        ) from error
    prefix, is_local = root.rstrip("/") + "/", filesystem.is_local(images)
    for file in _matching(found, path) if is_glob else found:
        if file.path.lower().endswith(IMAGE_SUFFIXES):
            uri = _local_uri(file.path) if is_local else fs.unstrip_protocol(file.path)
            yield {"id": filesystem.to_unicode(file.path.removeprefix(prefix)), "uri": uri, **_version(file)}


def _matching(found: Iterator[File], pattern: str) -> Iterator[File]:
    matches = re.compile(glob_translate(pattern)).match
    return (file for file in found if matches(file.path))


def _depth(pattern: str, root: str) -> int | None:
    """How many levels of folders a glob looks into; all of them if it says so."""
    parts = PurePosixPath(pattern).relative_to(root).parts
    return None if "**" in parts else len(parts)


def _fixed_part(pattern: str) -> str:
    """The folder before the first part of a glob that has a wildcard."""
    parts = PurePosixPath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _MAGIC & set(part))
    return str(PurePosixPath(*parts[:fixed]))


def _local_uri(path: str) -> str:
    """The path, or where it is no Unicode, its URL."""
    return path if filesystem.is_unicode(path) else filesystem.file_url(path)


def _version(file: File) -> dict[str, Any]:
    return {"size": file.size, "etag": file.etag, "mtime": file.mtime}


def _parsed(url: str) -> Iterator[pa.Table]:
    """The columns of a list, some rows at a time."""
    fs, path = filesystem.file_system(url)
    try:
        with fs.open(path, "rb") as file:
            if url.endswith(".parquet"):
                yield from map(_table, _row_groups(pq.ParquetFile(file)))
            elif url.endswith(".csv"):
                yield from map(_table, pyarrow.csv.open_csv(file))
            else:
                yield from (pa.table({"uri": some}) for some in _batched(_lines(file)))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read the list {url}: {reason(error)}") from error


def _row_groups(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """Some rows at a time; read as a whole, the file's bytes would all stay in memory to the end."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(_BATCH, row_groups=[group])


def _table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    return filter(None, (line.decode("utf-8-sig").strip() for line in file))


def _batched(values: Iterator[_T]) -> Iterator[list[_T]]:
    while some := list(islice(values, _BATCH)):
        yield some


def _from_list(url: str, table: pa.Table) -> pa.Table:
    if "uri" not in table.column_names:
        raise StorageError(f"the list {url} has no column 'uri', only {', '.join(table.column_names)}")
    table = table.filter(pc.not_equal(table["uri"].cast(pa.string()), ""))
    known = {name: table[name] for name in table.column_names if name in COLLECTION.names}
    known.setdefault("id", table["uri"])
    if not {"size", "etag", "mtime"} & set(known):
        versions = [_local_version(uri) for uri in table["uri"].to_pylist()]
        known |= {name: pa.array([v.get(name) for v in versions], COLLECTION.field(name).type) for name in _LOCAL}
    columns = {field.name: known.get(field.name, pa.nulls(table.num_rows, field.type)) for field in COLLECTION}
    return pa.table(columns).cast(COLLECTION)


def _local_version(uri: str) -> dict[str, Any]:
    """Size and time of a file on this machine; a bucket is not asked for each object."""
    if not filesystem.is_local(uri):
        return {}
    fs, path = filesystem.file_system(uri)
    return _version(version(path, fs.info(path))) if fs.exists(path) else {}
