"""The one seam to storage: paths and URLs, on disk or in a bucket."""

from __future__ import annotations

import errno
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from osrmac.errors import OsrmacError, StorageError, reason
from osrmac.storage import retry

__all__ = [
    "create",
    "exists",
    "file_system",
    "file_url",
    "is_local",
    "is_unicode",
    "join",
    "list_folder",
    "name",
    "read_bytes",
    "read_files",
    "read_json",
    "read_texts",
    "remove",
    "remove_traces",
    "storage_errors",
    "to_unicode",
    "write_atomically",
    "write_json",
]

_PRECONDITION_FAILED = 412
_FILE = "file://"
_SPELLED_OUT = re.compile(r"\\x[89a-f][0-9a-f]")


def file_system(url: str, once: bool = False) -> tuple[AbstractFileSystem, str]:
    """The file system of a path or URL, and the path within it.

    Args:
        url: A path or any fsspec URL.
        once: Whether requests that fail are left to the caller; else S3 tries them again where that can help.

    What a URL that begins with file:// says in percent is the path's bytes, whether they are Unicode or not.

    Raises:
        StorageError: No file system is known for the URL's protocol.
    """
    if url.startswith(_FILE):
        url = os.fsdecode(unquote_to_bytes(os.fsencode(url.removeprefix(_FILE))))
    if url.startswith("/"):  # whatever else is in its name
        return LocalFileSystem(), url.rstrip("/") or "/"
    try:
        fs, path = url_to_fs(url, **retry.options(url, once))
    except (ImportError, ValueError) as error:
        raise StorageError(f"cannot open {url}: {error}") from error
    retry.retry_requests(fs, url, once)
    return fs, path


def file_url(path: str) -> str:
    """The URL of a file on this machine, in plain ASCII whatever the bytes of its name."""
    return _FILE + quote(os.fsencode(path))


def is_unicode(name: str) -> bool:
    """Whether the bytes of a file name are UTF-8; those of one on this machine may be any."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_unicode(name: str) -> str:
    r"""A file name as valid Unicode, different for different names.

    A name that is Unicode is itself. In one that is not, backslashes are doubled and bytes that are none are spelled
    out as in caf\xe9.jpg; so are the backslashes of one that looks like that.
    """
    escaped = name.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return escaped if _SPELLED_OUT.search(escaped) else name


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what a storage says into one line for the user, unless a file is missing or there already."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError, OsrmacError):
        raise
    except Exception as error:  # every storage has errors of its own
        raise StorageError(f"cannot access {url}: {reason(error)}") from error


def is_local(url: str) -> bool:
    """Whether a URL is a path on this machine."""
    return isinstance(file_system(url)[0], LocalFileSystem)


def absolute(url: str) -> str:
    """The same place, also for a process in another folder."""
    fs, path = file_system(url)
    return path if isinstance(fs, LocalFileSystem) else url


def join(url: str, *parts: str) -> str:
    """A path below a folder or bucket."""
    return "/".join([url.rstrip("/"), *parts])


def name(url: str) -> str:
    """The last part of a path or URL."""
    return PurePosixPath(url).name


def list_folder(url: str, suffix: str = "") -> list[str]:
    """Sorted URLs of the visible files directly in a folder; empty if there is no such folder.

    Names that begin with a dot are not visible: they are writes in progress.
    """
    fs, path = file_system(url)
    fs.invalidate_cache(path)
    try:
        with storage_errors(url):
            entries = fs.ls(path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = [name(entry["name"]) for entry in entries if entry["type"] == "file"]
    return sorted(join(url, file) for file in names if file.endswith(suffix) and not file.startswith("."))


def read_files(url: str) -> dict[str, bytes]:
    """Content of a file, or of each `.txt` file directly in a folder, by file name.

    Raises:
        StorageError: Nothing is there.
    """
    fs, path = file_system(url)
    with storage_errors(url):
        if not fs.exists(path):
            raise StorageError(f"{url} does not exist")
        files = list_folder(url, ".txt") if fs.isdir(path) else [url]
    return {name(file): read_bytes(file) for file in files}


def read_texts(url: str) -> dict[str, str]:
    """The same as text.

    Raises:
        StorageError: Nothing is there, or it is no text.
    """
    try:
        return {file: content.decode("utf-8-sig") for file, content in read_files(url).items()}
    except UnicodeDecodeError as error:
        raise StorageError(f"{url} is no UTF-8 text") from error


def read_bytes(url: str) -> bytes:
    """The content of a file."""
    fs, path = file_system(url)
    with storage_errors(url):
        content: bytes = fs.cat_file(path)
    return content


def write_atomically(url: str, content: bytes) -> None:
    """Write a file that is seen whole or not at all, replacing one of the same name.

    On disk it is written and synced under a hidden name, then renamed; elsewhere it is one object.

    Raises:
        StorageError: It cannot be written; what was there before is still there.
    """
    fs, path = file_system(url)
    try:
        if isinstance(fs, LocalFileSystem):
            with _synced(Path(path), content) as hidden:
                hidden.replace(path)
        else:
            _pipe(fs, path, content)
    except Exception as error:  # every storage has errors of its own
        raise StorageError(
            f"cannot write {url}: {reason(error)}; what is there already is whole: mend the cause and run the same "
            "command again"
        ) from error


def _pipe(fs: AbstractFileSystem, path: str, content: bytes) -> None:
    try:
        fs.pipe_file(path, content)
    except FileNotFoundError:
        # Of an upload in parts: a request to complete it was carried out, its answer lost, and the next one refused.
        fs.pipe_file(path, content)


def create(url: str, content: bytes) -> bool:
    """Write a file that is seen whole, unless there is one already; whether it was written.

    Args:
        url: Of the file.
        content: What no other writer writes: a write whose answer was lost is known by it.

    Raises:
        StorageError: It cannot be written.
    """
    fs, path = file_system(url)
    try:
        with storage_errors(url):
            if isinstance(fs, LocalFileSystem):
                with _synced(Path(path), content) as hidden:
                    Path(path).hardlink_to(hidden)
            else:
                _pipe_new(fs, path, content)
    except FileExistsError:
        with suppress(FileNotFoundError):  # it may be gone by now
            return not is_local(url) and read_bytes(url) == content
        return False
    return True


def _pipe_new(fs: AbstractFileSystem, path: str, content: bytes) -> None:
    try:
        fs.pipe_file(path, content, mode="create")
    except OSError as error:
        if retry.status(error.__cause__ or error) == _PRECONDITION_FAILED:
            raise FileExistsError(path) from error
        if error.errno != errno.ENOSYS:
            raise
        # A server without conditional writes: of writers at the same moment, the last one has written.
        if fs.exists(path):
            raise FileExistsError(path) from error
        fs.pipe_file(path, content)
        if fs.cat_file(path) != content:
            raise FileExistsError(path) from error


@contextmanager
def _synced(final: Path, content: bytes) -> Iterator[Path]:
    """A hidden file beside the final one, with the content on the disk; it is gone afterwards."""
    final.parent.mkdir(parents=True, exist_ok=True)
    hidden = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
    try:
        with hidden.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield hidden
        _sync(final.parent)
    finally:
        hidden.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Put the names in a folder on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exists(url: str) -> bool:
    """Whether a file is there."""
    fs, path = file_system(url)
    fs.invalidate_cache(path)
    found: bool = fs.exists(path)
    return found


def remove(url: str) -> None:
    """Delete a file, if it is there."""
    fs, path = file_system(url)
    with suppress(FileNotFoundError), storage_errors(url):
        fs.rm_file(path)


def remove_traces(url: str) -> None:
    """Delete what writes that were killed have left in a folder."""
    if is_local(url):
        for hidden in Path(file_system(url)[1]).glob(".*.parquet.*"):
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
