"""The images in a tar archive: names and positions of its members, from the headers alone."""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa

from osrmac.errors import StorageError, reason

__all__ = ["COMPRESSED", "MEMBERS", "TarMembers", "read_members"]

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
"""Suffixes of archives whose members cannot be read by themselves."""

MEMBERS = pa.schema(
    [
        pa.field("name", pa.binary(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
    ]
)
"""An image in an archive: the bytes of its name, and the position and number of those of its content."""

_LINKS, _SPARSE, _REPEATED = "links", "sparse files", "members that a later one of the same name replaces"
_NO_SUFFIX = "without a suffix"


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


def read_members(file: BinaryIO, is_image: Callable[[str], bool]) -> TarMembers:
    """Read the headers of an archive: ustar, GNU and pax.

    Of several members of one name, the last one counts, as when the archive is unpacked. A hard or symbolic link to an
    earlier image is that image under another name. It takes about 400 bytes of memory for each image.

    Args:
        file: The archive, which is read at increasing positions.
        is_image: Whether the name of a member is that of an image.

    Raises:
        StorageError: It is no tar archive.
    """
    found: dict[str, tuple[int, int]] = {}
    passed_over: Counter[str] = Counter()
    try:
        archive = tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    except tarfile.ReadError as error:
        raise StorageError(f"it is no tar archive: {error}") from error
    count, damage = 0, None
    with archive:
        while True:
            try:
                member = archive.next()
            except tarfile.ReadError as error:
                damage = f"{error}"
                break
            if member is None:
                damage = _early_end(file, archive.offset)
                break
            archive.members.clear()  # it keeps all of them otherwise
            count += 1
            _add(member, found, passed_over, is_image)
    names = [os.fsencode(name) for name in found]
    starts, lengths = zip(*found.values(), strict=True) if found else ((), ())
    images = pa.table([names, starts, lengths], schema=MEMBERS)
    return TarMembers(images, dict(passed_over), damage and f"{damage}, after {count} members")


def _add(
    member: tarfile.TarInfo,
    found: dict[str, tuple[int, int]],
    passed_over: Counter[str],
    is_image: Callable[[str], bool],
) -> None:
    name = _plain(member.name)
    if member.isdir():
        return
    if not is_image(name):
        passed_over[PurePosixPath(name).suffix.lower() or _NO_SUFFIX] += 1
        return
    place = (member.offset_data, member.size)
    if member.islnk() or member.issym():
        target = member.linkname if member.islnk() else str(PurePosixPath(name).parent / member.linkname)
        linked = found.get(os.path.normpath(_plain(target)))
        if linked is None:
            passed_over[_LINKS] += 1
            return
        place = linked
    elif member.issparse() or not member.isreg():
        passed_over[_SPARSE if member.issparse() else "devices and pipes"] += 1
        return
    if found.pop(name, None) is not None:
        passed_over[_REPEATED] += 1
    found[name] = place


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
