"""The files of an index: each is named after what it was made from, and after its content.

So a build that was interrupted finds the files that it has finished, and every file can be checked on its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Literal

from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["IndexFiles", "file_digest", "index_file_is_intact", "indexed_methods", "write_file"]

Kind = Literal["quantizer", "part"]

_NAME = re.compile(r"(?P<made_from>(?:quantizer|part)-[0-9a-f]{16})-(?P<digest>[0-9a-f]{16})\.faiss")
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


class IndexFiles:
    """The finished files in the folder of an index, as they are now.

    Args:
        folder: Folder of the index.
    """

    def __init__(self, folder: Location) -> None:
        self.folder = folder
        self.names = {file.name for file in folder.files(".faiss")}

    def find(self, kind: Kind, *made_from: Any) -> Location | None:
        """Return the file that was made from some values, which JSON can represent; None if there is none."""
        prefix = _prefix(kind, made_from)
        found = sorted(name for name in self.names if name.startswith(prefix))
        return self.folder / found[0] if found else None

    def remove_others(self, named: Iterable[str]) -> None:
        """Remove all files but those of these names, also those that killed writers left."""
        for name in sorted(self.names - set(named)):
            (self.folder / name).remove()
        self.folder.remove_unfinished()


def write_file(folder: Location, kind: Kind, content: bytes, *made_from: Any) -> tuple[str, str]:
    """Write a file of an index, atomically, and return its name and its digest.

    Args:
        folder: Folder of the index.
        kind: What it is.
        content: Its content.
        made_from: What it was made from, values that JSON can represent.
    """
    digest = file_digest(content)
    name = f"{_prefix(kind, made_from)}{digest[:_DIGITS]}.faiss"
    (folder / name).write_bytes(content)
    return name, digest


def _prefix(kind: Kind, made_from: tuple[Any, ...]) -> str:
    return f"{kind}-{file_digest(json.dumps(made_from).encode())[:_DIGITS]}-"
