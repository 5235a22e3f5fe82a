"""What a collection holds: every image, with what tells whether it has changed."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem

from osrmac.errors import StorageError, reason
from osrmac.storage import files
from osrmac.storage.schema import COLLECTION

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
    fs, path = files.file_system(images)
    with files.accessing(images):
        is_list = path.endswith(_LIST_SUFFIXES) and fs.isfile(path)
    if is_list:
        batches = (_from_list(images, table) for table in _parsed(images))
    else:
        batches = (pa.Table.from_pylist(rows, schema=COLLECTION) for rows in _batched(_found(fs, path, images)))
    batches = (batch for batch in batches if batch.num_rows)
    with files.accessing(images):
        first = next(batches, None)
    if first is None:
        raise StorageError(f"no images in {images}: osrmac looks for {' '.join(IMAGE_SUFFIXES)}")
    return chain([first], batches)


def _found(fs: AbstractFileSystem, path: str, images: str) -> Iterator[dict[str, Any]]:
    fs.invalidate_cache()
    if fs.isdir(path):  # also one with an asterisk in its name
        found: Mapping[str, Mapping[str, Any]] = fs.find(path, detail=True)
        root = path
    elif _MAGIC & set(path):
        found = fs.glob(path, detail=True)
        root = _fixed_part(path)
    else:
        raise StorageError(f"no folder {images}: give a folder, a bucket's prefix, a glob, or a list of URIs")
    prefix = root.rstrip("/") + "/"
    for name, info in found.items():
        if info["type"] == "file" and name.lower().endswith(IMAGE_SUFFIXES):
            uri = _local_uri(name) if files.is_local(images) else fs.unstrip_protocol(name)
            yield {"id": files.spelled(name.removeprefix(prefix)), "uri": uri, **_version(info)}


def _fixed_part(pattern: str) -> str:
    """The folder before the first part of a glob that has a wildcard."""
    parts = PurePosixPath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _MAGIC & set(part))
    return str(PurePosixPath(*parts[:fixed]))


def _local_uri(path: str) -> str:
    """The path, or where it is no Unicode, its URL."""
    return path if files.is_unicode(path) else files.file_url(path)


def _version(info: Mapping[str, Any]) -> dict[str, Any]:
    """Size and etag, or modification time, as a file system reports them."""
    etag = info.get("ETag") or info.get("etag")
    mtime = info.get("mtime") or info.get("LastModified")
    if isinstance(mtime, int | float):
        mtime = datetime.datetime.fromtimestamp(mtime, datetime.UTC)
    return {
        "size": info.get("size"),
        "etag": str(etag).strip('"') if etag else None,
        "mtime": mtime if isinstance(mtime, datetime.datetime) else None,
    }


def _parsed(url: str) -> Iterator[pa.Table]:
    """The columns of a list, some rows at a time."""
    fs, path = files.file_system(url)
    try:
        with fs.open(path, "rb") as file:
            if url.endswith(".parquet"):
                yield from map(_table, pq.ParquetFile(file).iter_batches(_BATCH))
            elif url.endswith(".csv"):
                yield from map(_table, pyarrow.csv.open_csv(file))
            else:
                yield from (pa.table({"uri": some}) for some in _batched(_lines(file)))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read the list {url}: {reason(error)}") from error


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
    if not files.is_local(uri):
        return {}
    fs, path = files.file_system(uri)
    return _version(fs.info(path)) if fs.exists(path) else {}
