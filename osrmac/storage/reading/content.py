"""The content of one file on any file system, read no further than is admitted."""

from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError
from fsspec.implementations.http import HTTPFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from osrmac.errors import StorageError
from osrmac.storage.file_names import local_path

__all__ = ["Admit", "check_archive", "read"]

Admit = Callable[[int, bool], None]
"""Called with a number of bytes before so many are held, and whether it is the size of the whole file; raises an
exception to stop the reading."""

_CHUNK = 1 << 20
"""Bytes that are read at a time."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read(fs: AbstractFileSystem, path: str, admit: Admit, timeout: float) -> bytes:
    """Return the content of a file.

    Args:
        fs: File system of the file.
        path: Path within the file system.
        admit: Decides whether the file may be read, and any further.
        timeout: Seconds that reading may take. It applies to S3, HTTP and other asynchronous file systems.

    Raises:
        StorageError: It is not a regular file.
        TimeoutError: It took longer than the timeout.
    """
    if isinstance(fs, LocalFileSystem):
        return _read_local(path, admit)
    if not isinstance(fs, AsyncFileSystem):
        return _read_other(fs, path, admit)
    reader: Callable[..., Awaitable[bytes]]
    if isinstance(fs, HTTPFileSystem):
        reader = _read_http
    elif "s3" in fs.protocol:
        reader = _read_s3
    else:
        reader = _read_asynchronous
    try:
        content: bytes = sync(fs.loop, _within, timeout, partial(reader, fs, path, admit))
    except FSTimeoutError as error:
        raise TimeoutError(f"no answer within {timeout:g} s") from error
    return content


async def _within(seconds: float, reader: Callable[[], Awaitable[bytes]]) -> bytes:
    return await asyncio.wait_for(reader(), seconds)


class _Content:
    """The part of a content that has been read; chunks are joined without a second copy of all of them."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._buffer = io.BytesIO()

    def add(self, chunk: bytes) -> None:
        self._admit(self._buffer.tell() + len(chunk), False)
        self._buffer.write(chunk)

    def bytes(self) -> bytes:
        return self._buffer.getvalue()


def check_archive(url: str) -> None:
    """Check the file that a chained URL reads from, such as `zip://a.jpg::/photos.zip`, if it is a local one.

    Raises:
        StorageError: It is not a regular file.
        OSError: There is no such file.
    """
    member, _, archive = url.rpartition("::")
    path = local_path(archive)
    if "://" in member and path.startswith("/"):
        _regular_size(path)


def _regular_size(path: str) -> int:
    # Before it is opened: to open a pipe waits for a writer, and to open a device may do anything.
    status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"not a regular file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}")
    return status.st_size


def _read_local(path: str, admit: Admit) -> bytes:
    admit(_regular_size(path), True)
    with Path(path).open("rb", buffering=0) as file:
        return _read_stream(file, admit)


def _read_stream(file: Any, admit: Admit) -> bytes:
    content = _Content(admit)
    while chunk := file.read(_CHUNK):
        content.add(chunk)
    return content.bytes()


def _read_other(fs: AbstractFileSystem, path: str, admit: Admit) -> bytes:
    size = 0 if "data" in fs.protocol else _size(fs.info(path))  # a data URI holds its content itself
    if size is None:
        with fs.open(path, "rb") as file:
            return _read_stream(file, admit)
    admit(size, True)
    content: bytes = fs.cat_file(path)
    admit(len(content), True)
    return content


async def _read_asynchronous(fs: AsyncFileSystem, path: str, admit: Admit) -> bytes:
    size = _size(await fs._info(path))
    if size is None:
        raise StorageError("the storage does not tell the size of the file")
    admit(size, True)
    content: bytes = await fs._cat_file(path)
    admit(len(content), True)
    return content


def _size(info: dict[str, Any]) -> int | None:
    if info.get("type") == "directory":
        raise StorageError("not a regular file but a directory")
    return info.get("size")


async def _read_http(fs: HTTPFileSystem, url: str, admit: Admit) -> bytes:
    """Read a file with one GET. A compressed response is decompressed a little at a time."""
    session = await fs.set_session()
    options = fs.kwargs | {"headers": {"Accept-Encoding": "identity"} | fs.kwargs.get("headers", {})}
    try:
        async with session.get(fs.encode_url(url), **options) as response:
            fs._raise_not_found_for_status(response, url)
            if response.content_length is not None and "Content-Encoding" not in response.headers:
                admit(response.content_length, True)
            content = _Content(admit)
            async for chunk in response.content.iter_chunked(_CHUNK):
                content.add(chunk)
            return content.bytes()
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, PermissionError):  # refused before connecting: see `public_http`
            raise error.os_error from error
        raise


async def _read_s3(fs: Any, path: str, admit: Admit) -> bytes:
    """Read an object with one GET. The response tells the size before the content arrives."""
    bucket, key, version = fs.split_path(path)
    response = await fs._call_s3("get_object", Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
    async with response["Body"] as body:
        admit(response["ContentLength"], True)
        content = _Content(admit)
        while chunk := await body.read(_CHUNK):
            content.add(chunk)
        return content.bytes()
