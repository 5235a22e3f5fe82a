"""The one seam to storage: paths and URLs, on disk or in a bucket."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.asyn import AsyncFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from osrmac.errors import StorageError

__all__ = [
    "fetch",
    "file_system",
    "is_local",
    "join",
    "list_folder",
    "read_files",
    "read_json",
    "read_texts",
    "write_atomically",
    "write_json",
]


def file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a path or URL, and the path within it.

    Raises:
        StorageError: No file system is known for the URL's protocol.
    """
    try:
        fs, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise StorageError(f"cannot open {url}: {error}") from error
    return fs, path


def is_local(url: str) -> bool:
    """Whether a URL is a path on this machine."""
    return isinstance(file_system(url)[0], LocalFileSystem)


def join(url: str, *parts: str) -> str:
    """A path below a folder or bucket."""
    return "/".join([url.rstrip("/"), *parts])


def list_folder(url: str, suffix: str = "") -> list[str]:
    """Sorted URLs of the visible files directly in a folder; empty if there is no such folder.

    Names that begin with a dot are not visible: they are writes in progress.
    """
    fs, path = file_system(url)
    fs.invalidate_cache(path)
    try:
        entries = fs.ls(path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = [PurePosixPath(entry["name"]).name for entry in entries if entry["type"] == "file"]
    return sorted(join(url, name) for name in names if name.endswith(suffix) and not name.startswith("."))


def read_files(url: str) -> dict[str, bytes]:
    """Content of a file, or of each `.txt` file directly in a folder, by file name.

    Raises:
        StorageError: Nothing is there.
    """
    fs, path = file_system(url)
    if not fs.exists(path):
        raise StorageError(f"{url} does not exist")
    files = list_folder(url, ".txt") if fs.isdir(path) else [url]
    return {PurePosixPath(file).name: read_bytes(file) for file in files}


def read_texts(url: str) -> dict[str, str]:
    """The same as text.

    Raises:
        StorageError: Nothing is there, or it is no text.
    """
    try:
        return {name: content.decode("utf-8-sig") for name, content in read_files(url).items()}
    except UnicodeDecodeError as error:
        raise StorageError(f"{url} is no UTF-8 text") from error


def read_bytes(url: str) -> bytes:
    """The content of a file."""
    fs, path = file_system(url)
    content: bytes = fs.cat_file(path)
    return content


def write_atomically(url: str, content: bytes) -> None:
    """Write a file that is seen whole or not at all, replacing one of the same name.

    On disk it is written and synced under a hidden name, then renamed; elsewhere it is one object.
    """
    fs, path = file_system(url)
    if not isinstance(fs, LocalFileSystem):
        fs.pipe_file(path, content)
        return
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    hidden = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
    try:
        with hidden.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(final)
    finally:
        hidden.unlink(missing_ok=True)


def read_json(url: str) -> dict[str, Any] | None:
    """The object in a JSON file, or None if there is no such file.

    Raises:
        StorageError: The file is no JSON object.
    """
    try:
        value = json.loads(read_bytes(url))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StorageError(f"{url} is no JSON file: {error}") from error
    if not isinstance(value, dict):
        raise StorageError(f"{url} holds no JSON object")
    return value


def write_json(url: str, value: dict[str, Any]) -> None:
    """Write an object as a JSON file, atomically."""
    write_atomically(url, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def fetch(urls: Iterable[str]) -> list[bytes | Exception]:
    """Contents of files, or for each that cannot be read the reason, in the same order.

    Objects in a bucket are fetched concurrently.
    """
    places = [file_system(url) for url in urls]
    if len(places) > 1 and len({id(fs) for fs, _ in places}) == 1 and isinstance(places[0][0], AsyncFileSystem):
        paths = [path for _, path in places]
        found = places[0][0].cat(paths, on_error="return")
        return [found[path] for path in paths]
    return [_fetch_one(fs, path) for fs, path in places]


def _fetch_one(fs: AbstractFileSystem, path: str) -> bytes | Exception:
    try:
        content: bytes = fs.cat_file(path)
    except Exception as error:  # every storage has errors of its own; the caller makes a row of each
        return error
    return content
