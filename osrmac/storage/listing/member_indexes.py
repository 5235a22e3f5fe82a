"""The members of archives, kept in a run: `RUN/archives/DIGEST.parquet` for each archive.

A listing reads the headers of an archive once, and again if the archive has another version. The files are a cache: a
damaged one is read anew, and `osrmac prune` removes them all, as they have names of images.
"""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa

from osrmac.credentials import without_credentials
from osrmac.errors import DamagedFileError
from osrmac.storage import shards
from osrmac.storage.listing.tar_members import MEMBERS, TarMembers
from osrmac.storage.listing.walk import File
from osrmac.storage.location import Location
from osrmac.storage.pruning import removed as removed_images

__all__ = ["MemberIndexes"]

_VERSION, _FACTS = b"osrmac.version", b"osrmac.facts"


class MemberIndexes:
    """Stored members of archives. Nothing is written before `begin_writing`.

    Args:
        folder: Folder of the files; None to store nothing.
    """

    def __init__(self, folder: Location | None) -> None:
        self._folder = folder
        self._removed: frozenset[bytes] | None = None
        self._waiting: list[tuple[str, File, TarMembers, list[str]]] = []

    def find(self, uri: str, archive: File) -> TarMembers | None:
        """Return the stored members of an archive, None if there are none of this version of it.

        Args:
            uri: Path or URL of the archive.
            archive: Its size, and etag or modification time.
        """
        if self._folder is None or _version(archive) is None:
            return None
        try:
            table = shards.read(self._folder / _name(uri))
        except (FileNotFoundError, NotADirectoryError, DamagedFileError):
            return None
        metadata = table.schema.metadata
        if metadata.get(_VERSION, b"").decode() != _version(archive):
            return None
        facts = json.loads(metadata[_FACTS])
        return TarMembers(table.cast(MEMBERS), facts["passed_over"], facts["damage"])

    def add(self, uri: str, archive: File, members: TarMembers, ids: list[str]) -> None:
        """Store the members of an archive, now or when writing begins.

        Those of an archive without a known version are not stored, and neither are those of one with images that were
        removed from the run, which must not have their names.

        Args:
            uri: Path or URL of the archive.
            archive: Its size, and etag or modification time.
            members: Its members.
            ids: Ids of its images.
        """
        if self._folder is None or _version(archive) is None:
            return
        if self._removed is None:
            self._waiting.append((uri, archive, members, ids))
        elif self._removed.isdisjoint(hashlib.sha256(image.encode()).digest() for image in ids):
            facts = json.dumps({"passed_over": members.passed_over, "damage": members.damage})
            metadata = {_VERSION: _version(archive), _FACTS: facts}
            shards.write_groups(self._folder / _name(uri), [members.images.replace_schema_metadata(metadata)])

    def clear(self) -> None:
        """Remove all files."""
        for file in shards.paths(self._folder) if self._folder is not None else ():
            file.remove()

    def begin_writing(self, removed: Location) -> None:
        """Write what waits, and from now on what is added.

        The caller holds the lock of the descriptors, so that no images are removed meanwhile.

        Args:
            removed: Folder of the digests of images that were removed from the run.
        """
        digests: list[pa.Table] = list(removed_images.read(removed))
        self._removed = frozenset(digest for table in digests for digest in table["digest"].to_pylist())
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self.add(*each)


def _name(uri: str) -> str:
    return f"{hashlib.sha256(without_credentials(uri).encode()).hexdigest()[:20]}.parquet"


def _version(archive: File) -> str | None:
    """Return what changes when an archive does, None if that is unknown."""
    if archive.etag is None and archive.mtime is None:
        return None
    return json.dumps([archive.size, archive.etag, archive.mtime and archive.mtime.isoformat()])
