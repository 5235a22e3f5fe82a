"""Listing of a collection: the location and version of every image."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from fsspec.utils import glob_translate

from osrmac.errors import NotFoundError, StorageError, reason
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.filesystem import storage_errors
from osrmac.storage.listing import uri_list
from osrmac.storage.listing.skipped import Skipped, describe_skipped
from osrmac.storage.listing.suffixes import image_suffixes, is_image_name
from osrmac.storage.listing.walk import File, walk
from osrmac.storage.location import Location
from osrmac.storage.schema import COLLECTION

__all__ = ["folder_within", "listing"]

_WILDCARDS = frozenset("*?[")


def listing(images: Location, excluded: Location | None = None, skipped: Skipped | None = None) -> Iterator[pa.Table]:
    """List the images of a collection, in tables of `schema.COLLECTION`.

    The id of an image is its path relative to the folder; in a list without ids it is the URI.

    Args:
        images: A folder, a bucket's prefix, a glob, or a list of URIs: a text file with one URI a line, or
            a CSV or Parquet file with the column `uri` and optionally `id`, `size`, `etag` and `mtime`. Ids, URIs and
            etags of a CSV file are taken literally; numbers in a Parquet file become their decimal string.
        excluded: A folder below that of the images, whose files are left out: the run.
        skipped: Counts the files that are passed over because their names are not those of images. It is complete when
            the tables have been read. A list passes over nothing.

    Returns:
        A table of up to 100 000 rows at a time.

    Raises:
        StorageError: There is no such folder or file, it has no images, or the list cannot be used.
    """
    skipped = Skipped() if skipped is None else skipped
    with storage_errors(images.url):
        is_list = uri_list.is_list(images)
    if is_list:
        tables = uri_list.rows(images)
    else:
        rows = uri_list.batched(_image_rows(images, excluded, skipped))
        tables = (pa.Table.from_pylist(batch, schema=COLLECTION) for batch in rows)
    checked = _with_clear_errors(images, (table for table in tables if table.num_rows))
    first = next(checked, None)
    if first is None:
        found = describe_skipped(skipped.counts) or f"osrmac looks for {' '.join(image_suffixes())}"
        raise NotFoundError(f"no images in {images}: {found}")
    return chain([first], checked)


def _with_clear_errors(images: Location, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    try:
        with storage_errors(images.url):
            yield from tables
    except FileNotFoundError as error:
        raise StorageError(
            f"{images} has changed while it was listed, {reason(error)}: run the same command again"
        ) from error


def _image_rows(images: Location, excluded: Location | None, skipped: Skipped) -> Iterator[dict[str, Any]]:
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
    left_out = None if excluded is None else folder_within(excluded, Location(images.url, fs, root))
    for file in _matching(files, path) if is_glob else files:
        if left_out and file.path.startswith(prefix + left_out):
            continue
        if file.is_special:
            skipped.add_special()
        elif not is_image_name(file.path):
            skipped.add(file.path)
        else:
            uri = _local_uri(file.path) if images.is_local else fs.unstrip_protocol(file.path)
            yield {"id": to_unicode(file.path.removeprefix(prefix)), "uri": uri, **_version(file)}


def folder_within(inner: Location, outer: Location) -> str | None:
    """Return the path of a folder relative to another one, with a slash at the end; None if it is not in that folder.

    The path is empty if both are the same folder.
    """
    if inner.fs != outer.fs:
        return None
    paths = (inner.path, outer.path)
    inside, folder = (os.path.realpath(path) if inner.is_local else path.rstrip("/") for path in paths)
    folder = folder.rstrip("/") + "/"
    return f"{inside}/".removeprefix(folder) if f"{inside}/".startswith(folder) else None


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
