"""The plan: every image of a collection, with what tells whether it has changed."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem

from osrmac.errors import StorageError, reason
from osrmac.storage import files
from osrmac.storage.schema import MANIFEST

__all__ = ["IMAGE_SUFFIXES", "plan"]

IMAGE_SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_LIST_SUFFIXES = (".csv", ".parquet", ".txt")
_MAGIC = frozenset("*?[")


def plan(images: str) -> pa.Table:
    """List a collection.

    Args:
        images: A folder, a bucket's prefix, a glob, or a list of URIs: a text file (one a line), or
            a CSV or Parquet file with the column `uri` and, if wanted, `id`, `size`, `etag` and `mtime`.

    Returns:
        The manifest, sorted by id. The id is the path relative to the folder; in a list, the URI.

    Raises:
        StorageError: There is no such place, it has no images, or an id stands in the list twice.
    """
    fs, path = files.file_system(images)
    if path.endswith(_LIST_SUFFIXES) and fs.isfile(path):
        rows = _from_list(images)
    else:
        rows = pa.Table.from_pylist(list(_from_listing(fs, path, images)), schema=MANIFEST)
    if not rows.num_rows:
        raise StorageError(f"no images in {images}: osrmac looks for {' '.join(IMAGE_SUFFIXES)}")
    return rows.sort_by("id")


def _from_listing(fs: AbstractFileSystem, path: str, images: str) -> Iterator[dict[str, Any]]:
    fs.invalidate_cache()
    if _MAGIC & set(path):
        found: Mapping[str, Mapping[str, Any]] = fs.glob(path, detail=True)
        root = _fixed_part(path)
    elif fs.isdir(path):
        found = fs.find(path, detail=True)
        root = path
    else:
        raise StorageError(f"no folder {images}: give a folder, a bucket's prefix, a glob, or a list of URIs")
    prefix = root.rstrip("/") + "/"
    for name, info in found.items():
        if info["type"] == "file" and name.lower().endswith(IMAGE_SUFFIXES):
            uri = name if files.is_local(images) else fs.unstrip_protocol(name)
            yield {"id": _text(name.removeprefix(prefix)), "uri": _text(uri), **_version(info)}


def _fixed_part(pattern: str) -> str:
    """The folder before the first part of a glob that has a wildcard."""
    parts = PurePosixPath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _MAGIC & set(part))
    return str(PurePosixPath(*parts[:fixed]))


def _text(name: str) -> str:
    """A file name as valid Unicode: bytes that are none are spelled out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


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


def _from_list(url: str) -> pa.Table:
    content = io.BytesIO(files.read_bytes(url))
    try:
        table = _parse(url, content)
    except pa.ArrowInvalid as error:
        raise StorageError(f"cannot read the list {url}: {reason(error)}") from error
    if "uri" not in table.column_names:
        raise StorageError(f"the list {url} has no column 'uri', only {', '.join(table.column_names)}")
    uris = [str(uri) for uri in table["uri"].to_pylist() if uri]
    known = {name: table[name] for name in table.column_names if name in MANIFEST.names}
    if not {"size", "etag", "mtime"} & set(known):
        rows = pa.Table.from_pylist([{"id": uri, "uri": uri, **_local_version(uri)} for uri in uris], schema=MANIFEST)
        known = {**{name: rows[name] for name in MANIFEST.names}, **known}
    known.setdefault("id", table["uri"])
    columns = {field.name: known.get(field.name, pa.nulls(table.num_rows, field.type)) for field in MANIFEST}
    rows = pa.table(columns).cast(MANIFEST)
    _refuse_duplicates(url, rows["id"].to_pylist())
    return rows


def _parse(url: str, content: io.BytesIO) -> pa.Table:
    if url.endswith(".parquet"):
        return pq.read_table(content)
    if url.endswith(".csv"):
        return pyarrow.csv.read_csv(content)
    lines = [line.strip() for line in content.read().decode().splitlines()]
    return pa.table({"uri": [line for line in lines if line]})


def _local_version(uri: str) -> dict[str, Any]:
    """Size and time of a file on this machine; a bucket is not asked for each object."""
    if not files.is_local(uri):
        return {}
    fs, path = files.file_system(uri)
    return _version(fs.info(path)) if fs.exists(path) else {}


def _refuse_duplicates(url: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for image_id in ids:
        if image_id in seen:
            raise StorageError(f"the list {url} names {image_id} twice: every image needs an id of its own")
        seen.add(image_id)
