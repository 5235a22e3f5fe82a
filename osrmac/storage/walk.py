"""Every file below a folder, without ever holding all of them."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

__all__ = ["File", "version", "walk"]


class File(NamedTuple):
    """A file, and what tells whether it has changed.

    Attributes:
        path: Within its file system.
        size: In bytes, if it is known.
        etag: Of an object in a bucket.
        mtime: When it was last written, if that is known.
    """

    path: str
    size: int | None = None
    etag: str | None = None
    mtime: datetime.datetime | None = None


def walk(fs: AbstractFileSystem, folder: str, depth: int | None = None) -> Iterator[File]:
    """All files below a folder, in no order: of a bucket a page of the listing at a time, else folder by folder.

    Links on this machine are followed, but no folder is entered from within itself. A link to nowhere is a file of
    which nothing is known.

    Args:
        fs: Where the folder is.
        folder: Its path; of a bucket, the prefix before a slash.
        depth: How many levels of folders to look into, 1 for the folder itself; all of them if None. A bucket has but
            two answers, one level and all.

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: One below it cannot be read; raised while iterating.
    """
    if "s3" in fs.protocol:
        return _in_bucket(fs, folder, depth)
    if not fs.isdir(folder):
        raise FileNotFoundError(folder)
    return _on_disk(folder, depth) if isinstance(fs, LocalFileSystem) else _elsewhere(fs, folder, depth)


def _on_disk(folder: str, depth: int | None, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[File]:
    found = Path(folder).stat()
    here = found.st_dev, found.st_ino
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir():
                if depth != 1:
                    yield from _on_disk(entry.path, depth and depth - 1, above | {here})
            else:
                yield from _file(entry)


def _file(entry: os.DirEntry[str]) -> Iterator[File]:
    """The file, unless it is a pipe or the like, from which reading would never end."""
    try:
        found = entry.stat()
    except OSError:  # a link to nowhere
        yield File(entry.path)
    else:
        if stat.S_ISREG(found.st_mode):
            yield File(entry.path, found.st_size, mtime=_time(found.st_mtime))


def _in_bucket(fs: AbstractFileSystem, folder: str, depth: int | None) -> Iterator[File]:
    bucket, key, _ = fs.split_path(folder)
    prefix = f"{key.rstrip('/')}/" if key else ""
    request = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/" if depth == 1 else "", **fs.req_kw}
    first = fs.call_s3("list_objects_v2", **request)
    if prefix and not first.get("Contents") and not first.get("CommonPrefixes"):
        raise FileNotFoundError(folder)
    return (version(f"{bucket}/{entry['Key']}", entry) for page in _pages(fs, request, first) for entry in page)


def _pages(fs: AbstractFileSystem, request: dict[str, Any], page: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The objects on a page of a listing, and on those that follow it."""
    while True:
        yield page.get("Contents", [])
        if not page.get("IsTruncated"):
            return
        page = fs.call_s3("list_objects_v2", ContinuationToken=page["NextContinuationToken"], **request)


def _elsewhere(fs: AbstractFileSystem, folder: str, depth: int | None) -> Iterator[File]:
    for entry in fs.ls(folder, detail=True):
        if entry["type"] == "directory":
            if depth != 1 and entry["name"].rstrip("/") != folder.rstrip("/"):
                yield from _elsewhere(fs, entry["name"], depth and depth - 1)
        else:
            yield version(entry["name"], entry)


def version(path: str, entry: Mapping[str, Any]) -> File:
    """A file as a file system describes it."""
    etag = entry.get("ETag") or entry.get("etag")
    mtime = entry.get("mtime") or entry.get("LastModified")
    return File(path, entry.get("size", entry.get("Size")), str(etag).strip('"') if etag else None, _time(mtime))


def _time(value: Any) -> datetime.datetime | None:
    if isinstance(value, int | float):
        return datetime.datetime.fromtimestamp(value, datetime.UTC)
    return value if isinstance(value, datetime.datetime) else None
