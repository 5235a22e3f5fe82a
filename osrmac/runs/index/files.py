"""The files of an index: each is named after what it was made from, and after its content.

So a build that was interrupted finds the files that it has finished, and every file can be checked on its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from osrmac.runs.index.stored import IndexedShard
from osrmac.storage.damage import damaged
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["IndexFiles", "file_digest", "index_file_is_intact", "indexed_methods", "part_origin", "write_file"]

Kind = Literal["quantizer", "part"]

_NAME = re.compile(r"(?:quantizer|part)-[0-9a-f]{16}-(?P<digest>[0-9a-f]{16})\.faiss")
_DIGITS = 16


def file_digest(content: bytes) -> str:
    """Return the SHA-256 digest of a file, in hex."""
    return hashlib.sha256(content).hexdigest()


def index_file_is_intact(name: str, content: bytes) -> bool:
    """Return whether a file of an index has the content that its name states."""
    match = _NAME.fullmatch(name)
    return match is not None and file_digest(content).startswith(match["digest"])


def indexed_methods(run: Run) -> list[str]:
    """Return the names of the methods that have files of an index, sorted."""
    return [folder.name for folder in (run.location / "index").folders()]


@dataclass(frozen=True)
class IndexFiles:
    """The files of an index.

    Attributes:
        folder: Folder of the index.
    """

    folder: Location

    def names(self) -> set[str]:
        """Return the names of the quantizers and parts that exist."""
        return {file.name for file in self.folder.files(".faiss")}

    def find(self, kind: Kind, origins: Sequence[Sequence[Any]]) -> list[Location | None]:
        """Return the file of each of some origins; None for one that does not exist."""
        by_prefix = {name.rpartition("-")[0]: self.folder / name for name in sorted(self.names())}
        return [by_prefix.get(_prefix(kind, origin)) for origin in origins]

    def read(self, name: str, digest: str) -> bytes:
        """Read a file.

        Raises:
            DamagedFileError: Its digest is another one.
            FileNotFoundError: There is no such file.
        """
        content = (self.folder / name).read_bytes()
        if file_digest(content) != digest:
            raise damaged((self.folder / name).url, "its digest is that of another content")
        return content

    def size(self, names: Iterable[str]) -> int:
        """Return the size of some files together, in bytes."""
        return sum(int(self.folder.fs.size((self.folder / name).path)) for name in names)

    def remove_others(self, named: Collection[str]) -> None:
        """Remove all files but those of these names, also those that killed writers left."""
        for name in sorted(self.names().difference(named)):
            (self.folder / name).remove()
        self.folder.remove_unfinished()


def part_origin(quantizer_digest: str, shards: Sequence[IndexedShard]) -> list[Any]:
    """Return what a part is made from."""
    return [quantizer_digest, [[shard.shard, shard.generation, shard.number] for shard in shards]]


def write_file(folder: Location, kind: Kind, content: bytes, origin: Sequence[Any]) -> tuple[str, str]:
    """Write a file of an index, atomically, and return its name and its digest.

    Args:
        folder: Folder of the index.
        kind: What it is.
        content: Its content.
        origin: What it was made from, values that JSON can represent.
    """
    digest = file_digest(content)
    name = f"{_prefix(kind, origin)}-{digest[:_DIGITS]}.faiss"
    (folder / name).write_bytes(content)
    return name, digest


def _prefix(kind: Kind, origin: Sequence[Any]) -> str:
    return f"{kind}-{file_digest(json.dumps(origin).encode())[:_DIGITS]}"
