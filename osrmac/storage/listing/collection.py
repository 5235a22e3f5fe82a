"""Listing of a collection: the location and version of every image."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from fsspec.spec import AbstractFileSystem
from fsspec.utils import glob_translate

from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError, NotFoundError, StorageError, reason
from osrmac.progress import note
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.filesystem import storage_errors
from osrmac.storage.listing import uri_list
from osrmac.storage.listing.archives import Archive, archive_rows
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.parquet_images import ParquetFile, parquet_rows, schema_of
from osrmac.storage.listing.parquet_images import image_column as image_column_of
from osrmac.storage.listing.tar_members import COMPRESSED
from osrmac.storage.listing.walk import File, version, walk
from osrmac.storage.location import Location
from osrmac.storage.schema import COLLECTION

__all__ = ["IMAGE_SUFFIXES", "folder_within", "is_image", "listing"]

IMAGE_SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_TAR, _PARQUET = ".tar", ".parquet"
_WILDCARDS = frozenset("*?[")


def listing(
    images: Location,
    excluded: Location | None = None,
    indexes: MemberIndexes = MemberIndexes(None),
    image_column: str | None = None,
) -> Iterator[pa.Table]:
    """List the images of a collection, in tables of `schema.COLLECTION`.

    The id of an image is its path relative to the folder; in a list without ids it is the URI. Tar archives, and Parquet
    files with a column of bytes, count as folders.

    Args:
        images: A folder, a bucket's prefix, a glob, a tar archive, a Parquet file with a column of bytes, or a list of
            URIs: a text file with one URI a line, or a CSV or Parquet file with the column `uri` and optionally `id`,
            `size`, `etag` and `mtime`. Ids, URIs and etags of a CSV file are taken literally; numbers in a Parquet file
            become their decimal string.
        excluded: A folder below that of the images, whose files are left out: the run.
        indexes: Members of archives that were listed before.
        image_column: Column with the bytes of the images, for Parquet files that have several.

    Returns:
        A table of up to 100 000 rows at a time.

    Raises:
        ConfigError: A Parquet file has several columns of bytes, and no column is given.
        StorageError: There is no such folder or file, it has no images, or the list cannot be used.
    """
    with storage_errors(images.url):
        files = _single_file(images, indexes, image_column)
        tables = _files(images, excluded, indexes, image_column) if files is None else files
    checked = _with_clear_errors(images, (table for table in tables if table.num_rows))
    first = next(checked, None)
    if first is None:
        raise NotFoundError(f"no images in {images}: osrmac looks for {' '.join(IMAGE_SUFFIXES)}, also in .tar files")
    return chain([first], checked)


def is_image(name: str) -> bool:
    """Return whether a file name is that of an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def _single_file(images: Location, indexes: MemberIndexes, image_column: str | None) -> Iterator[pa.Table] | None:
    """Return the rows of a collection that is one file: a list, an archive, or a Parquet file; None for any other."""
    name = without_credentials(images.path).partition("?")[0].lower()
    if name.endswith(COMPRESSED) and images.fs.isfile(images.path):
        raise ConfigError(f"the members of {images} cannot be read by themselves: decompress it to a .tar file")
    if name.endswith((_TAR, _PARQUET)) and images.fs.isfile(images.path):
        file = version(images.path, images.fs.info(images.path))
        if name.endswith(_TAR):
            return archive_rows(images.fs, [Archive(file, _uri(images, file), "")], indexes, is_image)
        schema = schema_of(images.fs, file)
        column = None if "uri" in schema.names else image_column_of(images.url, schema, image_column)
        if column is not None:
            return parquet_rows(images.fs, [(ParquetFile(file, _uri(images, file), ""), column)])
    return uri_list.rows(images) if uri_list.is_list(images) else None


def _with_clear_errors(images: Location, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    try:
        with storage_errors(images.url):
            yield from tables
    except FileNotFoundError as error:
        raise StorageError(
            f"{images} has changed while it was listed, {reason(error)}: run the same command again"
        ) from error


def _files(
    images: Location, excluded: Location | None, indexes: MemberIndexes, image_column: str | None
) -> Iterator[pa.Table]:
    """Yield the rows of a folder, prefix or glob: first its pictures, then those in its archives and Parquet files."""
    fs, path = images.fs, images.path
    is_glob = _WILDCARDS & set(path) and not fs.isdir(path)  # the name of a folder may contain an asterisk
    root = _fixed_part(path) if is_glob else path
    try:
        files = walk(fs, root, _depth(path, root) if is_glob else None)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"no folder {images}: give a folder, a bucket's prefix, a glob, a .tar or .parquet file, or a list of URIs"
        ) from error
    prefix = root.rstrip("/") + "/"
    left_out = None if excluded is None else folder_within(excluded, Location(images.url, fs, root))
    kept = (file for file in files if not (left_out and file.path.startswith(prefix + left_out)))
    archives: list[Archive] = []
    parquets: list[ParquetFile] = []
    compressed: list[str] = []

    def pictures() -> Iterator[dict[str, Any]]:
        for file in _matching(kept, path) if is_glob else kept:
            name, within = file.path.lower(), file.path.removeprefix(prefix)
            if name.endswith(IMAGE_SUFFIXES):
                yield {"id": to_unicode(within), "uri": _uri(images, file), **_version(file)}
            elif name.endswith(_TAR):
                archives.append(Archive(file, _uri(images, file), f"{within}/"))
            elif name.endswith(_PARQUET):
                parquets.append(ParquetFile(file, _uri(images, file), f"{within}/"))
            elif name.endswith(COMPRESSED):
                compressed.append(within)

    for batch in uri_list.batched(pictures()):
        yield pa.Table.from_pylist(batch, schema=COLLECTION)
    if compressed:
        note(f"passed over {len(compressed)} compressed archives, first {compressed[0]}: decompress them to .tar files")
    yield from archive_rows(fs, archives, indexes, is_image)
    yield from parquet_rows(fs, _with_images(fs, parquets, image_column))


def _with_images(
    fs: AbstractFileSystem, files: Iterable[ParquetFile], image_column: str | None
) -> Iterator[tuple[ParquetFile, str]]:
    """Yield the Parquet files that have images, and their column; a note says how many have none."""
    others: list[str] = []
    for parquet in files:
        column = image_column_of(parquet.uri, schema_of(fs, parquet.file), image_column)
        if column is None:
            others.append(parquet.uri)
        else:
            yield parquet, column
    if others:
        note(f"passed over {len(others)} Parquet files without a column of images, first {others[0]}")


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
