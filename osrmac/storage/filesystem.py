"""File systems of paths and URLs, and atomic writes to them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from osrmac.errors import OsrmacError, StorageError, reason
from osrmac.storage import retry
from osrmac.storage.file_names import local_path

__all__ = ["hidden_file", "open_url", "replace_file", "replacing", "storage_errors"]


def open_url(
    url: str, *, retries: bool = True, options: Mapping[str, Any] = MappingProxyType({})
) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a path or URL, and the path within it.

    Args:
        url: A path or any fsspec URL.
        retries: Whether S3 repeats requests that fail for a transient reason; otherwise the caller does.
        options: Further options of the file systems, by protocol.

    Raises:
        StorageError: No file system is known for the URL's protocol.
    """
    url = local_path(url)
    if url.startswith("/"):  # fsspec would take `::` in a file name for a chain of URLs
        return LocalFileSystem(), url.rstrip("/") or "/"
    try:
        fs, path = url_to_fs(url, **retry.options(url, retries=retries), **options)
    except (ImportError, ValueError) as error:
        raise StorageError(f"cannot open {url}: {error}") from error
    retry.configure(fs, url, retries=retries)
    return fs, path


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Raise the errors of any storage as a `StorageError` of one line, except those for missing and existing files."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError, OsrmacError):
        raise
    except Exception as error:  # every storage has errors of its own
        raise StorageError(f"cannot access {url}: {reason(error)}") from error


def replace_file(fs: AbstractFileSystem, path: str, content: bytes) -> None:
    """Write a file atomically, replacing one of the same name.

    A local file is written and synced under a hidden name, then renamed; a remote file is uploaded as one object.
    """
    if isinstance(fs, LocalFileSystem):
        with hidden_file(Path(path), content) as hidden:
            hidden.replace(path)
        return
    try:
        fs.pipe_file(path, content)
    except FileNotFoundError:
        # A multipart upload was completed, the response was lost, and the repeated request finds no such upload.
        fs.pipe_file(path, content)


@contextmanager
def hidden_file(final: Path, content: bytes) -> Iterator[Path]:
    """Write a synced hidden file beside the final one; sync the folder and delete the hidden file on leaving."""
    final.parent.mkdir(parents=True, exist_ok=True)
    hidden = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
    try:
        with hidden.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield hidden
        _sync_folder(final.parent)
    finally:
        hidden.unlink(missing_ok=True)


@contextmanager
def replacing(final: Path) -> Iterator[BinaryIO]:
    """Give a hidden file to write to, which replaces the final one when the block has ended, unless it failed."""
    with hidden_file(final, b"") as hidden:
        with hidden.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(final)


def _sync_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, so that a rename survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
