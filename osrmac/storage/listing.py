"""Listing of a collection: the location and version of every image."""

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
from fsspec.utils import glob_translate

from osrmac.credentials import without_credentials
from osrmac.errors import NotFoundError, StorageError, reason
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.filesystem import storage_errors
from osrmac.storage.location import Location
from osrmac.storage.schema import COLLECTION
from osrmac.storage.walk import File, version, walk

__all__ = ["IMAGE_SUFFIXES", "listing"]

IMAGE_SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_LIST_SUFFIXES = (".csv", ".parquet", ".txt")
_WILDCARDS = frozenset("*?[")
_VERSION = ("size", "etag", "mtime")
_CSV_TYPES = {
    # Inference would turn the id 0001 into 1 and 1e3 into 1000.
    **dict.fromkeys(("id", "uri", "etag"), pa.string()),
    # pandas writes whole numbers as 12.0 where others of the column are missing.
    "size": pa.float64(),
}
_BATCH = 100_000

_T = TypeVar("_T")


def listing(images: Location) -> Iterator[pa.Table]:
    """List the images of a collection, in tables of `schema.COLLECTION`.

    The id of an image is its path relative to the folder; in a list without ids it is the URI.

    Args:
        images: A folder, a bucket's prefix, a glob, or a list of URIs: a text file with one URI a line, or
            a CSV or Parquet file with the column `uri` and optionally `id`, `size`, `etag` and `mtime`. Ids, URIs and
            etags of a CSV file are taken literally; numbers in a Parquet file become their decimal string.

    Returns:
        A table of up to 100 000 rows at a time.

    Raises:
        StorageError: There is no such folder or file, it has no images, or the list cannot be used.
    """
    with storage_errors(images.url):
        is_list = without_credentials(images.path).endswith(_LIST_SUFFIXES) and images.fs.isfile(images.path)
    if is_list:
        tables = (_listed_rows(images, table) for table in _parsed(images))
    else:
        tables = (pa.Table.from_pylist(rows, schema=COLLECTION) for rows in _batched(_image_rows(images)))
    checked = _with_clear_errors(images, (table for table in tables if table.num_rows))
    first = next(checked, None)
    if first is None:
        raise NotFoundError(f"no images in {images}: osrmac looks for {' '.join(IMAGE_SUFFIXES)}")
    return chain([first], checked)


def _with_clear_errors(images: Location, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    try:
        with storage_errors(images.url):
            yield from tables
    except FileNotFoundError as error:
        raise StorageError(
            f"{images} has changed while it was listed, {reason(error)}: run the same command again"
        ) from error


def _image_rows(images: Location) -> Iterator[dict[str, Any]]:
    fs, path = images.fs, images.path
    is_glob = _WILDCARDS & set(path) and not fs.isdir(path)  # the name of a folder may contain an asterisk
    root = _fixed_part(path) if is_glob else path
    try:
        files = walk(fs, root, _depth(path, root) if is_glob else None)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"no folder {images}: give a folder, a bucket's prefix, a glob, or a list of URIs"
        ) from error
    prefix = root.rstrip("/") + "/"
    for file in _matching(files, path) if is_glob else files:
        if file.path.lower().endswith(IMAGE_SUFFIXES):
            uri = _local_uri(file.path) if images.is_local else fs.unstrip_protocol(file.path)
            yield {"id": to_unicode(file.path.removeprefix(prefix)), "uri": uri, **_version(file)}


def _matching(files: Iterator[File], pattern: str) -> Iterator[File]:
    matches = re.compile(glob_translate(pattern)).match
    return (file for file in files if matches(file.path))


def _depth(pattern: str, root: str) -> int | None:
    """Return the number of levels below the root that a glob matches; None for any number."""
    parts = PurePosixPath(pattern).relative_to(root).parts
    return None if "**" in parts else len(parts)


def _fixed_part(pattern: str) -> str:
    """Return the folder before the first part of a glob that has a wildcard."""
    parts = PurePosixPath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _WILDCARDS & set(part))
    return str(PurePosixPath(*parts[:fixed]))


def _local_uri(path: str) -> str:
    """Return the path, or its URL where the path is not valid Unicode."""
    return path if is_unicode(path) else file_url(path)


def _version(file: File) -> dict[str, Any]:
    return {"size": file.size, "etag": file.etag, "mtime": file.mtime}


def _parsed(location: Location) -> Iterator[pa.Table]:
    """Read the columns of a list, some rows at a time."""
    name = without_credentials(location.path)
    try:
        with location.fs.open(location.path, "rb") as file:
            if name.endswith(".parquet"):
                yield from map(_table, _row_batches(pq.ParquetFile(file)))
            elif name.endswith(".csv"):
                options = pyarrow.csv.ConvertOptions(column_types=_CSV_TYPES)
                yield from map(_table, pyarrow.csv.open_csv(file, convert_options=options))
            else:
                yield from (pa.table({"uri": uris}) for uris in _batched(_lines(file)))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read the list {location}: {reason(error)}") from error


def _row_batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """Read a Parquet file one row group at a time: `iter_batches` over all of them keeps every group in memory."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(_BATCH, row_groups=[group])


def _table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    return filter(None, (line.decode("utf-8-sig").strip() for line in file))


def _batched(values: Iterator[_T]) -> Iterator[list[_T]]:
    while batch := list(islice(values, _BATCH)):
        yield batch


def _listed_rows(images: Location, table: pa.Table) -> pa.Table:
    """Complete the rows of a list: ids default to the URIs, versions to those of local files."""
    if "uri" not in table.column_names:
        raise StorageError(f"the list {images} has no column 'uri', only {', '.join(table.column_names)}")
    table = table.filter(pc.not_equal(table["uri"].cast(pa.string()), ""))
    given = {name: table[name] for name in table.column_names if name in COLLECTION.names}
    given.setdefault("id", table["uri"])
    if not given.keys() & set(_VERSION):
        versions = [_local_version(uri) for uri in table["uri"].to_pylist()]
        given |= {name: pa.array([v.get(name) for v in versions], COLLECTION.field(name).type) for name in _VERSION}
    if pc.any(pc.equal(given["id"].cast(pa.string()).fill_null(""), "")).as_py():
        raise StorageError(f"the list {images} has a row without an id: every image needs an id of its own")
    columns = {field.name: given.get(field.name, pa.nulls(table.num_rows, field.type)) for field in COLLECTION}
    return pa.table(columns).cast(COLLECTION)


def _local_version(uri: str) -> dict[str, Any]:
    """Return the version of a local file; one request for each object of a bucket would take too long."""
    location = Location.of(uri)
    if not location.is_local or not location.exists():
        return {}
    return _version(version(location.path, location.fs.info(location.path)))
