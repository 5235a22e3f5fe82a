"""A folder that exists while a block runs."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from osrmac.storage.filesystem import storage_errors
from osrmac.storage.location import Location

__all__ = ["scratch_folder"]


@contextmanager
def scratch_folder(within: str | None) -> Iterator[Location]:
    """Return a new folder, which is removed at the end with everything in it.

    Args:
        within: Folder or URL in which it is made; None for the folder for temporary files of this machine.

    Raises:
        StorageError: It cannot be removed.
    """
    name = f"osrmac-estimate-{uuid.uuid4().hex}"
    folder = Location.of(within or tempfile.gettempdir()) / name
    try:
        yield folder
    finally:
        if folder.exists():
            with storage_errors(folder.url):
                folder.fs.rm(folder.path, recursive=True)
