"""Files of an index on the local disk, from where they are mapped into memory; those of a bucket are copied there."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from osrmac.storage.damage import damaged
from osrmac.storage.filesystem import hidden_file, storage_errors
from osrmac.storage.location import Location

__all__ = ["local_file"]

_KEPT = 7 * 24 * 3600
"""Time in seconds after which a copy that has not been used is removed."""


def local_file(file: Location, digest: str) -> Path:
    """Return a local file with the content of a file of an index.

    A remote file is copied to `$XDG_CACHE_HOME/osrmac/index`, unless it is there already.

    Args:
        file: File of an index.
        digest: SHA-256 digest of its content, in hex. It is checked when the file is copied.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: The remote file has another content.
        StorageError: It cannot be read, or the copy cannot be written.
    """
    if file.is_local:
        if not file.exists():
            raise FileNotFoundError(file.url)
        return Path(file.path)
    copy = _cache() / f"{digest}.faiss"
    with storage_errors(str(copy)):
        if copy.exists():
            copy.touch()
            return copy
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise damaged(file.url, "its content is not that which was written")
    with storage_errors(str(copy)):
        with hidden_file(copy, content) as hidden:
            hidden.replace(copy)
        _remove_unused(copy.parent)
    return copy


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "osrmac" / "index"


def _remove_unused(folder: Path) -> None:
    """Remove copies that have not been used for a week; a process that has mapped one keeps it."""
    for file in folder.iterdir():
        if time.time() - file.stat().st_mtime > _KEPT:
            file.unlink(missing_ok=True)
