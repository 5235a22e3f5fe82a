"""A file or folder on any file system that fsspec supports, resolved once."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from osrmac.errors import ConfigError, StorageError, reason
from osrmac.storage import conditional
from osrmac.storage.checksums import object_with_digest, object_without_digest, text_with_digest
from osrmac.storage.damage import damaged
from osrmac.storage.filesystem import open_url, replace_file, storage_errors

__all__ = ["Location"]

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}")
"""Names of the hidden files of `osrmac.storage.filesystem`."""

_UPDATES, _UPDATE_WAIT = 100, 0.1
"""Attempts at a change of a file that other processes change, too, and the longest wait between two, in seconds."""


@dataclass(frozen=True, order=True)
class Location:
    """A file or folder together with its file system.

    Make one with `Location.of(url)`, and those below it with `/`. Locations are equal, and ordered, by URL. They are
    pickled as their URL, because an open file system does not carry its retry policy to another process.

    All methods raise `StorageError` where the storage fails, with one line that names the location.

    Attributes:
        url: Absolute path of a local file or folder, URL of any other.
        fs: File system.
        path: Path within the file system.
    """

    url: str
    fs: AbstractFileSystem = field(repr=False, compare=False)
    path: str = field(repr=False, compare=False)

    @classmethod
    def of(cls, url: str | os.PathLike[str]) -> Self:
        """Resolve a path or any fsspec URL.

        Raises:
            ConfigError: The path is empty; fsspec would take that for the current folder.
            StorageError: No file system is known for the URL's protocol.
        """
        url = os.fspath(url)
        if not url:
            raise ConfigError("a path is empty: name a folder, a file or a URL")
        fs, path = open_url(url)
        return cls(path if isinstance(fs, LocalFileSystem) else url, fs, path)

    def __truediv__(self, name: str) -> Location:
        """Return a file or folder below this one."""
        return Location(f"{self.url.rstrip('/')}/{name}", self.fs, f"{self.path.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.url

    def __fspath__(self) -> str:
        """Return the path of a local file, for libraries that open files themselves."""
        if not self.is_local:
            raise StorageError(f"{self.url} is not a local file")
        return self.path

    def __reduce__(self) -> tuple[Any, ...]:
        return Location.of, (self.url,)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.url).name

    @property
    def is_local(self) -> bool:
        """Whether this is a path on this machine."""
        return isinstance(self.fs, LocalFileSystem)

    def exists(self) -> bool:
        """Return whether there is a file or folder here."""
        self.fs.invalidate_cache(self.path)
        found: bool = self.fs.exists(self.path)
        return found

    def files(self, suffix: str = "") -> list[Location]:
        """List the files directly in this folder whose names end with a suffix, sorted.

        Hidden files are left out: they are writes in progress. A folder that does not exist has no files.
        """
        return [file for file in self._entries("file") if file.name.endswith(suffix)]

    def folders(self) -> list[Location]:
        """List the folders directly in this folder, sorted; hidden ones are left out."""
        return self._entries("directory")

    def _entries(self, kind: str) -> list[Location]:
        self.fs.invalidate_cache(self.path)
        try:
            with storage_errors(self.url):
                entries = self.fs.ls(self.path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = [PurePosixPath(entry["name"]).name for entry in entries if entry["type"] == kind]
        return sorted(self / name for name in names if not name.startswith("."))

    @contextmanager
    def open(self, *, read_ahead: bool = True) -> Iterator[BinaryIO]:
        """Open the file to read from it at any position.

        Args:
            read_ahead: Whether remote storage is asked for more than what is read, in view of further reads.
        """
        options = {} if read_ahead else {"cache_type": "none"}
        with storage_errors(self.url), self.fs.open(self.path, "rb", **options) as file:
            yield file

    def read_bytes(self) -> bytes:
        """Return the content of the file.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with storage_errors(self.url):
            content: bytes = self.fs.cat_file(self.path)
        return content

    def read_if_exists(self) -> bytes | None:
        """Return the content of the file, or None if there is no such file."""
        try:
            return self.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_json(self) -> dict[str, Any] | None:
        """Return the object in a JSON file that `write_json` has written, or None if there is no such file.

        Raises:
            DamagedFileError: The file does not hold a JSON object, or not the one that was written.
        """
        content = self.read_if_exists()
        return None if content is None else self._parsed(content)

    def _parsed(self, content: bytes) -> dict[str, Any]:
        try:
            value = json.loads(content)
            if not isinstance(value, dict):
                raise ValueError("it is not a JSON object")
            return object_without_digest(value)
        except ValueError as error:
            raise damaged(self.url, str(error)) from error

    def write_bytes(self, content: bytes) -> None:
        """Write the file atomically: readers see the previous content or the new one, never a part of it.

        Raises:
            StorageError: The file cannot be written; the previous content is intact.
        """
        with _write_errors(self.url):
            replace_file(self.fs, self.path, content)

    def write_json(self, value: dict[str, Any]) -> None:
        """Write an object as a JSON file with a digest of its values, atomically."""
        self.write_bytes(_to_json(value))

    def write_text(self, text: str) -> None:
        """Write an HTML, SVG or Markdown file with its digest in a comment, atomically."""
        self.write_bytes(text_with_digest(text))

    def create(self, content: bytes) -> bool:
        """Write the file atomically unless it exists, and return whether it was written: see `swap`."""
        return self.swap(None, content)

    def swap(self, expected: bytes | None, content: bytes) -> bool:
        """Write the file atomically if its content is as expected, and return whether it was written.

        Args:
            expected: Content to replace; None if the file must not exist.
            content: New content. It identifies a write to remote storage whose response was lost.
        """
        with _write_errors(self.url):
            return conditional.swap(self.fs, self.path, expected, content)

    def is_conditional(self) -> bool:
        """Whether `swap` and `create` exclude other writers; known after the first of them."""
        return conditional.is_conditional(self.fs, self.path)

    def update_json(self, change: Callable[[dict[str, Any] | None], dict[str, Any]]) -> None:
        """Replace the object in a JSON file by a function of it, which may be called several times.

        The change of another process at the same moment is not lost.

        Args:
            change: Gets the present object, or None if there is no such file.
        """
        for _ in range(_UPDATES):
            found = self.read_if_exists()
            if self.swap(found, _to_json(change(None if found is None else self._parsed(found)))):
                return
            time.sleep(random.uniform(0, _UPDATE_WAIT))  # noqa: S311  # lets a process through that another one outruns
        raise StorageError(f"cannot update {self.url}, which other processes change all the time")

    def remove(self) -> None:
        """Delete the file if it exists."""
        with suppress(FileNotFoundError), storage_errors(self.url):
            self.fs.rm_file(self.path)

    def remove_if(self, expected: bytes) -> None:
        """Delete the file if its content is as expected."""
        with storage_errors(self.url):
            conditional.remove_if(self.fs, self.path, expected)

    def remove_unfinished(self, min_age: float = 0) -> None:
        """Delete the hidden files that killed writers left in this folder; remote storage keeps none.

        Args:
            min_age: Keep files that were written to within this time in seconds: their writers may be alive.
        """
        if not self.is_local:
            return
        for file in Path(self.path).glob(".*"):
            if _UNFINISHED.fullmatch(file.name) and time.time() - file.stat().st_mtime >= min_age:
                file.unlink(missing_ok=True)


def _to_json(value: dict[str, Any]) -> bytes:
    return (json.dumps(object_with_digest(value), indent=2, ensure_ascii=False) + "\n").encode()


@contextmanager
def _write_errors(url: str) -> Iterator[None]:
    """Raise the errors of any storage as a `StorageError` of one line."""
    try:
        yield
    except Exception as error:  # every storage has errors of its own
        raise StorageError(
            f"cannot write {url}: {reason(error)}; nothing written before is lost: fix the cause and run the same "
            "command again"
        ) from error
