"""The images in a tar archive: names and positions of its members, from the headers alone."""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa

from osrmac.errors import StorageError
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.listing.suffixes import is_image_name

__all__ = ["MEMBERS", "TarMembers", "read_members"]

MEMBERS = pa.schema(
    [
        pa.field("name", pa.binary(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
    ]
)
"""An image in an archive: the bytes of its name, and the position and number of those of its content."""

_LINKS, _SPARSE, _REPEATED = "links to other files", "sparse files", "members replaced by later ones of their name"
"""Kinds of members that are passed over."""


@dataclass(frozen=True, eq=False)
class TarMembers:
    """What the headers of an archive tell.

    Attributes:
        images: Table of `MEMBERS`, in the order of the archive.
        passed_over: Number of members that are no images, or cannot be read by themselves, by kind.
        damage: Where and how the archive ends early, on one line; None if it ends as it should.
    """

    images: pa.Table
    passed_over: Mapping[str, int] = field(default_factory=dict)
    damage: str | None = None


def read_members(file: BinaryIO) -> TarMembers:
    """Read the headers of an archive: ustar, GNU and pax.

    Of several members of one name, the last one counts, as when the archive is unpacked. A hard or symbolic link to an
    earlier image is that image under another name. It takes about 400 bytes of memory for each image.

    Args:
        file: The archive, which is read at increasing positions.

    Raises:
        StorageError: It is no tar archive.
    """
    members = _Members()
    try:
        archive = tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    except tarfile.ReadError as error:
        raise StorageError(f"it is no tar archive, {error}") from error
    with archive:
        count, damage = 0, None
        while True:
            try:
                member = archive.next()
            except tarfile.ReadError as error:
                damage = str(error)
                break
            if member is None:
                damage = _early_end(file, archive.offset)
                break
            archive.members.clear()  # type: ignore[attr-defined]  # all of them would be kept
            count += 1
            members.add(member)
    return members.found(damage and f"{damage}, after {count} members")


class _Members:
    """The members so far."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._skipped = Skipped()
        self._unreadable: Counter[str] = Counter()

    def add(self, member: tarfile.TarInfo) -> None:
        name = _plain(member.name)
        if member.isdir():
            return
        if not is_image_name(name):
            self._skipped.add(name)
            return
        place = self._place(member, name)
        if place is None:
            return
        if self._places.pop(name, None) is not None:
            self._unreadable[_REPEATED] += 1
        self._places[name] = place

    def _place(self, member: tarfile.TarInfo, name: str) -> tuple[int, int] | None:
        if member.islnk() or member.issym():
            target = member.linkname if member.islnk() else str(PurePosixPath(name).parent / member.linkname)
            place = self._places.get(os.path.normpath(_plain(target)))
            self._unreadable[_LINKS] += place is None
            return place
        if not member.isreg():
            self._skipped.add_special()
            return None
        if member.issparse():
            self._unreadable[_SPARSE] += 1
            return None
        return member.offset_data, member.size

    def found(self, damage: str | None) -> TarMembers:
        names = [os.fsencode(name) for name in self._places]
        starts, lengths = zip(*self._places.values(), strict=True) if names else ((), ())
        passed_over = self._skipped.counts | {kind: count for kind, count in self._unreadable.items() if count}
        return TarMembers(pa.table([names, starts, lengths], schema=MEMBERS), passed_over, damage)


def _plain(name: str) -> str:
    """Return a name without what stands before a relative path.

    >>> _plain("./cats/1.jpg"), _plain("/cats/1.jpg"), _plain(".hidden.jpg")
    ('cats/1.jpg', 'cats/1.jpg', '.hidden.jpg')
    """
    while name.startswith(("./", "/")):
        name = name.lstrip("/").removeprefix("./")
    return name


def _early_end(file: BinaryIO, position: int) -> str | None:
    """Return why there is no member at a position, unless the archive ends there: a block of zeros ends it."""
    file.seek(position)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        return "it ends without a block of zeros"
    return "a header is damaged" if any(block) else None
