"""Listing of a collection: the location and version of every image."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from fsspec.utils import glob_translate

from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError, NotFoundError, StorageError, reason
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.filesystem import storage_errors
from osrmac.storage.listing import parquet_images, uri_list
from osrmac.storage.listing.archives import archive_rows
from osrmac.storage.listing.container import Container
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.skipped import Skipped, describe_skipped
from osrmac.storage.listing.suffixes import image_suffixes, is_image_name
from osrmac.storage.listing.walk import File, version, walk
from osrmac.storage.location import Location
from osrmac.storage.schema import COLLECTION

__all__ = ["folder_within", "listing"]

_TAR, _PARQUET = ".tar", ".parquet"
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
_WILDCARDS = frozenset("*?[")


def listing(
    images: Location,
    excluded: Location | None = None,
    skipped: Skipped | None = None,
    indexes: MemberIndexes | None = None,
    image_column: str | None = None,
) -> Iterator[pa.Table]:
    """List the images of a collection, in tables of `schema.COLLECTION`.

    The id of an image is its path relative to the folder; in a list without ids it is the URI. Tar archives, and
    Parquet files with a column of bytes, are like folders of images.

    Args:
        images: A folder, a bucket's prefix, a glob, a tar archive, a Parquet file with a column of bytes, or a list of
            URIs: a text file with one URI a line, or a CSV or Parquet file with the column `uri` and optionally `id`,
            `size`, `etag` and `mtime`. Ids, URIs and etags of a CSV file are taken literally; numbers in a Parquet file
            become their decimal string.
        excluded: A folder below that of the images, whose files are left out: the run.
        skipped: Counts the files and members of archives that are passed over because their names are not those of
            images. It is complete when the tables have been read. A list passes over nothing.
        indexes: Members of archives that were listed before.
        image_column: Column with the bytes of the images, for Parquet files that have several.

    Returns:
        A table of up to 100 000 rows at a time.

    Raises:
        ConfigError: A Parquet file has several columns of bytes and none is named, or an archive is compressed.
        StorageError: There is no such folder or file, it has no images, or the list cannot be used.
    """
    skipped = Skipped() if skipped is None else skipped
    indexes = MemberIndexes(None) if indexes is None else indexes
    with storage_errors(images.url):
        tables = _tables(images, excluded, skipped, indexes, image_column)
    checked = _with_clear_errors(images, (table for table in tables if table.num_rows))
    first = next(checked, None)
    if first is None:
        found = describe_skipped(skipped.counts) or f"osrmac looks for {' '.join(image_suffixes())}"
        raise NotFoundError(f"no images in {images}: {found}")
    return chain([first], checked)


def _tables(
    images: Location,
    excluded: Location | None,
    skipped: Skipped,
    indexes: MemberIndexes,
    image_column: str | None,
) -> Iterator[pa.Table]:
    name = without_credentials(images.path).partition("?")[0].lower()
    is_file = name.endswith((_TAR, _PARQUET, *_COMPRESSED)) and images.fs.isfile(images.path)
    if is_file and name.endswith(_COMPRESSED):
        raise ConfigError(f"members of the compressed archive {images} cannot be read alone: decompress it to .tar")
    if is_file:
        file = version(images.path, images.fs.info(images.path))
        only = Container(file, _uri(images, file) if images.is_local else images.url, "")
        if name.endswith(_TAR):
            return archive_rows(images.fs, [only], indexes, skipped)
        if parquet_images.has_images(images.fs, only, image_column):
            return parquet_images.rows(images.fs, [only], image_column, skipped)
    if uri_list.is_list(images):
        return uri_list.rows(images)
    return _folder_tables(images, excluded, skipped, indexes, image_column)


def _with_clear_errors(images: Location, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    try:
        with storage_errors(images.url):
            yield from tables
    except FileNotFoundError as error:
        raise StorageError(
            f"{images} has changed while it was listed, {reason(error)}: run the same command again"
        ) from error


def _folder_tables(
    images: Location,
    excluded: Location | None,
    skipped: Skipped,
    indexes: MemberIndexes,
    image_column: str | None,
) -> Iterator[pa.Table]:
    """Yield the images in a folder, prefix or glob, and then those in its archives and Parquet files."""
    found = _Containers()
    alone = True
    for batch in uri_list.batched(_image_rows(images, excluded, skipped, found)):
        alone = False
        yield pa.Table.from_pylist(batch, schema=COLLECTION)
    alone = alone and not found.archives
    yield from archive_rows(images.fs, found.archives, indexes, skipped)
    # All tables of a listing have the same columns, and those of other images have none of the user's.
    parquets = sorted(found.parquets, key=lambda container: container.uri)
    yield from parquet_images.rows(images.fs, parquets, image_column, skipped, with_columns=alone)


@dataclass(frozen=True)
class _Containers:
    """Files of a folder that may have images within."""

    archives: list[Container] = field(default_factory=list)
    parquets: list[Container] = field(default_factory=list)


def _image_rows(
    images: Location, excluded: Location | None, skipped: Skipped, containers: _Containers
) -> Iterator[dict[str, Any]]:
    """Yield the image files in a folder, prefix or glob, and collect the files that may have images within."""
    fs, path = images.fs, images.path
    is_glob = _WILDCARDS & set(path) and not fs.isdir(path)  # the name of a folder may contain an asterisk
    root = _fixed_part(path) if is_glob else path
    try:
        files = walk(fs, root, _depth(path, root) if is_glob else None)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"no folder {images}: give a folder, a bucket's prefix, a glob, a tar archive, or a list of URIs"
        ) from error
    prefix = root.rstrip("/") + "/"
    left_out = None if excluded is None else folder_within(excluded, Location(images.url, fs, root))
    for file in _matching(files, path) if is_glob else files:
        if left_out and file.path.startswith(prefix + left_out):
            continue
        name, within = file.path.lower(), file.path.removeprefix(prefix)
        if file.is_special:
            skipped.add_special()
        elif is_image_name(name):
            yield {"id": to_unicode(within), "uri": _uri(images, file), **_version(file)}
        elif name.endswith(_TAR):
            containers.archives.append(Container(file, _uri(images, file), f"{within}/"))
        elif name.endswith(_PARQUET):
            containers.parquets.append(Container(file, _uri(images, file), f"{within}/"))
        else:
            skipped.add(file.path)


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


def _uri(images: Location, file: File) -> str:
    """Return the path of a local file, or its URL where the path is not valid Unicode; the URL of any other."""
    if not images.is_local:
        return str(images.fs.unstrip_protocol(file.path))
    return file.path if is_unicode(file.path) else file_url(file.path)


def _version(file: File) -> dict[str, Any]:
    return {"size": file.size, "etag": file.etag, "mtime": file.mtime}
