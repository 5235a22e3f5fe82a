"""Listing of all files below a folder as a stream, in bounded memory."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

__all__ = ["File", "local_file", "version", "walk"]


class File(NamedTuple):
    """A file and its version.

    Attributes:
        path: Path within the file system.
        size: Size in bytes, if known.
        etag: Entity tag of an object in a bucket.
        mtime: Time of the last modification, if known.
        is_special: Whether this is a pipe, socket or device: reading it might never end.
    """

    path: str
    size: int | None = None
    etag: str | None = None
    mtime: datetime.datetime | None = None
    is_special: bool = False


def walk(fs: AbstractFileSystem, folder: str, depth: int | None = None) -> Iterator[File]:
    """Yield all files below a folder, in no particular order.

    A bucket is listed page by page, other storage folder by folder. Symbolic links on this machine are followed, but
    never in a circle; a broken link is yielded as a file without a version.

    Args:
        fs: File system of the folder.
        folder: Path of the folder; in a bucket, the prefix before a slash.
        depth: Number of levels to list, 1 for the folder itself; None for all. A bucket lists either one or all.

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: A folder below it cannot be read; raised while iterating.
    """
    if "s3" in fs.protocol:
        return _walk_bucket(fs, folder, depth)
    if not fs.isdir(folder):
        raise FileNotFoundError(folder)
    return _walk_local(folder, depth) if isinstance(fs, LocalFileSystem) else _walk_other(fs, folder, depth)


def _walk_local(folder: str, depth: int | None, parents: frozenset[tuple[int, int]] = frozenset()) -> Iterator[File]:
    status = Path(folder).stat()
    identity = status.st_dev, status.st_ino
    if identity in parents:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir():
                if depth != 1:
                    yield from _walk_local(entry.path, depth and depth - 1, parents | {identity})
            else:
                yield _file(entry)


def _file(entry: os.DirEntry[str]) -> File:
    try:
        status = entry.stat()
    except OSError:  # a broken link
        return File(entry.path)
    if not stat.S_ISREG(status.st_mode):
        return File(entry.path, is_special=True)
    return File(entry.path, status.st_size, mtime=_time(status.st_mtime))


def local_file(path: str) -> File:
    """Return a local file with its version, or without one if it is missing, or is not a regular file."""
    try:
        status = os.stat(path)  # noqa: PTH116  # a path that cannot exist, too
    except (OSError, ValueError):
        return File(path)
    return File(path, status.st_size, mtime=_time(status.st_mtime)) if stat.S_ISREG(status.st_mode) else File(path)


def _walk_bucket(fs: AbstractFileSystem, folder: str, depth: int | None) -> Iterator[File]:
    bucket, key, _ = fs.split_path(folder)
    prefix = f"{key.rstrip('/')}/" if key else ""
    request = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/" if depth == 1 else "", **fs.req_kw}
    first = fs.call_s3("list_objects_v2", **request)
    if prefix and not first.get("Contents") and not first.get("CommonPrefixes"):
        raise FileNotFoundError(folder)
    found = (entry for page in _pages(fs, request, first) for entry in page)
    # Consoles make an empty object of a key with a slash at the end to show a folder.
    return (version(f"{bucket}/{entry['Key']}", entry) for entry in found if not entry["Key"].endswith("/"))


def _pages(fs: AbstractFileSystem, request: dict[str, Any], page: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the objects of a page of a listing, and of the pages that follow it."""
    while True:
        yield page.get("Contents", [])
        if not page.get("IsTruncated"):
            return
        page = fs.call_s3("list_objects_v2", ContinuationToken=page["NextContinuationToken"], **request)


def _walk_other(fs: AbstractFileSystem, folder: str, depth: int | None) -> Iterator[File]:
    for entry in fs.ls(folder, detail=True):
        if entry["type"] == "directory":
            if depth != 1 and entry["name"].rstrip("/") != folder.rstrip("/"):
                yield from _walk_other(fs, entry["name"], depth and depth - 1)
        else:
            yield version(entry["name"], entry)


def version(path: str, entry: Mapping[str, Any]) -> File:
    """Return a file with the version that an entry of `fs.ls` or `fs.info`, or of an S3 listing, reports."""
    etag = entry.get("ETag") or entry.get("etag")
    mtime = entry.get("mtime") or entry.get("LastModified")
    return File(path, entry.get("size", entry.get("Size")), str(etag).strip('"') if etag else None, _time(mtime))


def _time(value: Any) -> datetime.datetime | None:
    if isinstance(value, int | float):
        with suppress(ValueError, OverflowError, OSError):  # after the year 9999
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
        return None
    return value if isinstance(value, datetime.datetime) else None
