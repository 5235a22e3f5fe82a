"""The images in tar archives as rows of a listing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pyarrow as pa
from fsspec.spec import AbstractFileSystem

from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.progress import warn
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing.container import Container
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.listing.tar_members import TarMembers, read_members
from osrmac.storage.reading.member_uri import ByteRange
from osrmac.storage.schema import COLLECTION

__all__ = ["archive_rows"]

_AT_ONCE = 4
"""Archives whose headers are read at the same time."""

_BLOCK = 4 << 20
"""Bytes that are read at once from remote storage, about as many as arrive in the time of a request: the headers of
small members come with them, and large members are skipped."""

_ROWS = 100_000


def archive_rows(
    fs: AbstractFileSystem, archives: Iterable[Container], indexes: MemberIndexes, skipped: Skipped
) -> Iterator[pa.Table]:
    """Yield the images in archives, in tables of `schema.COLLECTION`.

    An image has its own size, and the etag and modification time of its archive. Notes name archives that end early,
    and files that are no archives.

    Args:
        fs: File system of the archives.
        archives: The archives.
        indexes: Members of archives whose headers need not be read again.
        skipped: Counts the members that are passed over.

    Raises:
        StorageError: The only file of the collection is no archive.
    """
    found = prefetch(
        lambda archive: (archive, *_members(fs, archive, indexes)), archives, threads=_AT_ONCE, depth=_AT_ONCE
    )
    for archive, members, is_new in found:
        if isinstance(members, StorageError):
            if not archive.prefix:
                raise StorageError(f"cannot read {archive.uri}: {members}") from members
            warn(f"passed over {archive.uri}: {members}")
            continue
        if members.damage is not None:
            warn(f"{archive.uri} is damaged: {members.damage}; images after them are missing")
        skipped.add_counts(members.passed_over)
        names = [os.fsdecode(name) for name in members.images["name"].to_pylist()]
        ids = [to_unicode(archive.prefix + name) for name in names]
        if is_new:
            indexes.add(archive.uri, archive.file, members, ids)
        yield from _tables(archive, members, names, ids)


def _members(
    fs: AbstractFileSystem, archive: Container, indexes: MemberIndexes
) -> tuple[TarMembers | StorageError, bool]:
    """Return the members of an archive, and whether its headers were read; or why it is none."""
    stored = indexes.find(archive.uri, archive.file)
    if stored is not None:
        return stored, False
    try:
        with archive.open(fs, _BLOCK) as file:
            return read_members(file), True
    except StorageError as error:
        return error, False


def _tables(archive: Container, members: TarMembers, names: list[str], ids: list[str]) -> Iterator[pa.Table]:
    starts, lengths = members.images["start"].to_pylist(), members.images["length"].to_pylist()
    uris = [ByteRange(archive.uri, *place).uri for place in zip(starts, lengths, names, strict=True)]
    for first in range(0, len(ids), _ROWS):
        rows = slice(first, first + _ROWS)
        count = len(ids[rows])
        version = [[archive.file.etag] * count, [archive.file.mtime] * count]
        yield pa.table([ids[rows], uris[rows], lengths[rows], *version], schema=COLLECTION)
