"""The images in tar archives as rows of a listing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from fsspec.spec import AbstractFileSystem
from tenacity import Retrying

from osrmac.config import FetchConfig
from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.progress import note
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.tar_members import TarMembers, read_members
from osrmac.storage.listing.walk import File
from osrmac.storage.reading.fetch import retrying
from osrmac.storage.reading.member_uri import ByteRange
from osrmac.storage.reading.range_file import open_ranges
from osrmac.storage.schema import COLLECTION

__all__ = ["Archive", "archive_rows"]

_AT_ONCE = 4
"""Archives whose headers are read at the same time."""

_BLOCK = 4 << 20
"""Bytes that are read at once from remote storage, about as many as arrive in the time of a request: the headers of
small members come with them, and large members are skipped."""

_ROWS = 100_000


@dataclass(frozen=True)
class Archive:
    """A tar archive of a collection.

    Attributes:
        file: The archive and its version.
        uri: Path or URL of the archive.
        prefix: What the ids of its images begin with.
    """

    file: File
    uri: str
    prefix: str


def archive_rows(
    fs: AbstractFileSystem,
    archives: Iterable[Archive],
    indexes: MemberIndexes,
    is_image: Callable[[str], bool],
) -> Iterator[pa.Table]:
    """Yield the images in archives, in tables of `schema.COLLECTION`.

    An image has its own size, and the etag and modification time of its archive. Notes say what is passed over, which
    archives end early, and which files are no archives.

    Args:
        fs: File system of the archives.
        archives: The archives.
        indexes: Members of archives whose headers need not be read again.
        is_image: Whether the name of a member is that of an image.
    """
    passed_over: Counter[str] = Counter()
    found = prefetch(
        lambda archive: (archive, *_members(fs, archive, indexes, is_image)),
        archives,
        threads=_AT_ONCE,
        depth=_AT_ONCE,
    )
    for archive, members, is_new in found:
        if isinstance(members, StorageError):
            note(f"passed over {archive.uri}: {members}")
            continue
        if members.damage is not None:
            note(f"{archive.uri} is damaged: {members.damage}; what comes after them is missing")
        passed_over.update(members.passed_over)
        names = [os.fsdecode(name) for name in members.images["name"].to_pylist()]
        ids = [to_unicode(archive.prefix + name) for name in names]
        if is_new:
            indexes.add(archive.uri, archive.file, members, ids)
        yield from _tables(archive, members, names, ids)
    if passed_over:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed_over.items()))
        note(f"passed over in archives: {kinds}")


def _members(
    fs: AbstractFileSystem, archive: Archive, indexes: MemberIndexes, is_image: Callable[[str], bool]
) -> tuple[TarMembers | StorageError, bool]:
    """Return the members of an archive, and whether its headers were read; or why it is none."""
    stored = indexes.find(archive.uri, archive.file)
    if stored is not None:
        return stored, False
    config = FetchConfig()
    again: Retrying = retrying(config.attempts)
    try:
        with open_ranges(
            fs, archive.file.path, size=archive.file.size, timeout=config.fetch_timeout, block=_BLOCK, retrying=again
        ) as file:
            return read_members(file, is_image), True
    except StorageError as error:
        return error, False


def _tables(archive: Archive, members: TarMembers, names: list[str], ids: list[str]) -> Iterator[pa.Table]:
    starts, lengths = members.images["start"].to_pylist(), members.images["length"].to_pylist()
    uris = [ByteRange(archive.uri, *place).uri for place in zip(starts, lengths, names, strict=True)]
    for first in range(0, len(ids), _ROWS):
        rows = slice(first, first + _ROWS)
        count = len(ids[rows])
        version = [[archive.file.etag] * count, [archive.file.mtime] * count]
        yield pa.table([ids[rows], uris[rows], lengths[rows], *version], schema=COLLECTION)
