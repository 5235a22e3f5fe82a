"""Conditional writes: a file is changed only if it still has the content that was read.

Locks, and files that several processes update, rest on them. A local file is guarded by a lock of the operating
system, an object in S3 by the headers If-Match and If-None-Match. Where a storage has neither, the file is compared
right before the write, so that of two writers at that moment the last one wins; `is_conditional` tells.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from osrmac.progress import warn
from osrmac.storage import retry
from osrmac.storage.filesystem import hidden_file, replace_file

__all__ = ["is_conditional", "remove_if", "swap"]

_PRECONDITION_FAILED = 412
_NO_FILE_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)

_unconditional: set[object] = set()
"""Storages of this process that turned out to lack conditional writes."""

_tested: set[object] = set()
"""S3 servers of this process that were tested for ignoring conditions."""


def is_conditional(fs: AbstractFileSystem, path: str) -> bool:
    """Return whether the last write to a storage could rely on its condition; True before any write."""
    return _storage(fs, path) not in _unconditional


def swap(fs: AbstractFileSystem, path: str, expected: bytes | None, content: bytes) -> bool:
    """Write a file atomically if its content is as expected, and return whether it was written.

    Args:
        fs: File system.
        path: Path in it.
        expected: Content to replace; None if the file must not exist.
        content: New content. A remote file that has it already counts as written, as a response may have been lost.
    """
    if isinstance(fs, LocalFileSystem):
        return _swap_local(Path(path), expected, content)
    if "s3" in fs.protocol or expected is None:
        return _swap_remote(fs, path, expected, content)
    return _swap_unconditionally(fs, path, expected, content)


def remove_if(fs: AbstractFileSystem, path: str, expected: bytes) -> None:
    """Delete a file if its content is as expected.

    Remote storage compares before it deletes, not in one step.
    """
    if isinstance(fs, LocalFileSystem):
        with _unchanged(Path(path), expected) as unchanged:
            if unchanged:
                Path(path).unlink(missing_ok=True)
    elif _read(fs, path) == expected:
        with suppress(FileNotFoundError):
            fs.rm_file(path)


def _swap_local(path: Path, expected: bytes | None, content: bytes) -> bool:
    if expected is None:
        with suppress(FileExistsError), hidden_file(path, content) as hidden:
            path.hardlink_to(hidden)
            return True
        return False
    with _unchanged(path, expected) as unchanged:
        if unchanged:
            with hidden_file(path, content) as hidden:
                hidden.replace(path)
        return unchanged


@contextmanager
def _unchanged(path: Path, expected: bytes) -> Iterator[bool]:
    """Exclude other processes that change a file through this module; yield whether its content is as expected.

    The lock is on the file itself. Since a change is a new file of the same name, a process that has waited for the
    lock of the old one finds that out here.
    """
    try:
        held = _open_to_lock(path)
    except FileNotFoundError:
        yield False
        return
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_FILE_LOCKS:
                raise
            _remember_unconditional(LocalFileSystem(), str(path))
        yield _is_current(held, path) and held.read() == expected


def _open_to_lock(path: Path) -> BinaryIO:
    """Open a file for writing, which NFS demands for a lock, or else for reading, as for a file of another user."""
    try:
        return path.open("r+b")
    except PermissionError:
        return path.open("rb")


def _is_current(held: BinaryIO, path: Path) -> bool:
    """Return whether an open file is the one of this name."""
    try:
        # Opening makes NFS ask its server which file has the name now; `stat` may not.
        with path.open("rb") as current:
            return os.path.samestat(os.fstat(held.fileno()), os.fstat(current.fileno()))
    except FileNotFoundError:
        return False


def _swap_remote(fs: AbstractFileSystem, path: str, expected: bytes | None, content: bytes) -> bool:
    try:
        if expected is None:
            fs.pipe_file(path, content, mode="create")
        else:
            # The version of a content that is read afterwards is this one, or the condition fails.
            version = fs.info(path)["ETag"]
            if fs.cat_file(path) != expected:
                return False
            fs.pipe_file(path, content, IfMatch=version)
    except OSError as error:
        if expected is not None and isinstance(error, FileNotFoundError):
            return False
        if isinstance(error, FileExistsError) or _status(error) == _PRECONDITION_FAILED:
            return _read(fs, path) == content  # the first of several attempts may have succeeded
        if error.errno != errno.ENOSYS:
            raise
        return _swap_unconditionally(fs, path, expected, content)
    return not _ignores_conditions(fs, path, content) or _read(fs, path) == content


def _ignores_conditions(fs: AbstractFileSystem, path: str, content: bytes) -> bool:
    """Test once whether a server writes a file that exists although it must not; some ignore what they do not know."""
    if _storage(fs, path) in _tested or "s3" not in fs.protocol:
        return not is_conditional(fs, path)
    try:
        fs.pipe_file(path, content, mode="create")
        _remember_unconditional(fs, path)
    except OSError as error:
        if not isinstance(error, FileExistsError) and _status(error) != _PRECONDITION_FAILED:
            raise
    _tested.add(_storage(fs, path))
    return not is_conditional(fs, path)


def _status(error: OSError) -> int | None:
    return retry.status(error.__cause__ or error)


def _swap_unconditionally(fs: AbstractFileSystem, path: str, expected: bytes | None, content: bytes) -> bool:
    _remember_unconditional(fs, path)
    if _read(fs, path) != expected:
        return False
    replace_file(fs, path, content)
    return _read(fs, path) == content


def _read(fs: AbstractFileSystem, path: str) -> bytes | None:
    try:
        content: bytes = fs.cat_file(path)
    except FileNotFoundError:
        return None
    return content


def _storage(fs: AbstractFileSystem, path: str) -> object:
    """Return what identifies a storage: the device of a local path, or else the file system."""
    return Path(path).parent.stat().st_dev if isinstance(fs, LocalFileSystem) else fs


def _remember_unconditional(fs: AbstractFileSystem, path: str) -> None:
    """Remember, and say once, that a storage cannot exclude other writers."""
    if not is_conditional(fs, path):
        return
    _unconditional.add(_storage(fs, path))
    name = (
        f"the file system of {path}" if isinstance(fs, LocalFileSystem) else f"the store of {fs.unstrip_protocol(path)}"
    )
    warn(f"{name} has no conditional writes: do not start two commands on one run at the same moment")
