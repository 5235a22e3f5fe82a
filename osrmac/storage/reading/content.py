"""The content of one file, or a part of it, on any file system, read no further than is admitted."""

from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
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
from osrmac.storage.retry import status

__all__ = ["Admit", "Span", "check_archive", "read"]

Admit = Callable[[int, bool], None]
"""Called with a number of bytes before so many are held, and whether it is the size of the whole file; raises an
exception to stop the reading."""

_NO_PARTS = "the server sends no parts of a file, only all of it: download the archive first"

_CHUNK = 1 << 20
"""Bytes that are read at a time."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class Span:
    """Consecutive bytes of a file.

    Attributes:
        start: Position of the first byte.
        length: Number of bytes.
    """

    start: int
    length: int

    @property
    def stop(self) -> int:
        """Position after the last byte."""
        return self.start + self.length

    @property
    def header(self) -> str:
        """The value of the HTTP header `Range`."""
        return f"bytes={self.start}-{self.stop - 1}"


def read(fs: AbstractFileSystem, path: str, admit: Admit, timeout: float, span: Span | None = None) -> bytes:
    """Return the content of a file, or of a part of it.

    Args:
        fs: File system of the file.
        path: Path within the file system.
        admit: Decides whether the file may be read, and any further; of a part, whether the part may be.
        timeout: Seconds that reading may take. It applies to S3, HTTP and other asynchronous file systems.
        span: Part to read; None for the entire file.

    Raises:
        StorageError: It is not a regular file, it ends before the part does, or a server does not send parts.
        TimeoutError: It took longer than the timeout.
    """
    if span is None:
        return _read(fs, path, admit, timeout, None)
    admit(span.length, True)
    if not span.length:
        return b""  # no HTTP range is empty
    try:
        content = _read(fs, path, admit, timeout, span)
    except Exception as error:
        if HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE not in {status(error), status(error.__cause__ or error)}:
            raise
        content = b""
    if len(content) != span.length:
        raise StorageError(f"the archive ends before the image does: {len(content)} of {span.length} bytes are there")
    return content


def _read(fs: AbstractFileSystem, path: str, admit: Admit, timeout: float, span: Span | None) -> bytes:
    if isinstance(fs, LocalFileSystem):
        return _read_local(path, admit, span)
    if not isinstance(fs, AsyncFileSystem):
        return _read_other(fs, path, admit, span)
    reader: Callable[..., Awaitable[bytes]]
    if isinstance(fs, HTTPFileSystem):
        reader = _read_http
    elif "s3" in fs.protocol:
        reader = _read_s3
    else:
        reader = _read_asynchronous
    try:
        content: bytes = sync(fs.loop, _within, timeout, partial(reader, fs, path, admit, span))
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


def _read_local(path: str, admit: Admit, span: Span | None) -> bytes:
    size = _regular_size(path)
    if span is None:
        admit(size, True)
    with Path(path).open("rb", buffering=0) as file:
        if span is not None:
            file.seek(span.start)
        return _read_stream(file, admit, span)


def _read_stream(file: Any, admit: Admit, span: Span | None) -> bytes:
    content = _Content(admit)
    left = _CHUNK if span is None else span.length
    while chunk := file.read(min(left, _CHUNK)):
        content.add(chunk)
        left -= 0 if span is None else len(chunk)
    return content.bytes()


def _read_other(fs: AbstractFileSystem, path: str, admit: Admit, span: Span | None) -> bytes:
    content: bytes
    if span is not None:
        content = fs.cat_file(path, span.start, span.stop)
        return content
    size = 0 if "data" in fs.protocol else _size(fs.info(path))  # a data URI holds its content itself
    if size is None:
        with fs.open(path, "rb") as file:
            return _read_stream(file, admit, None)
    admit(size, True)
    content = fs.cat_file(path)
    admit(len(content), True)
    return content


async def _read_asynchronous(fs: AsyncFileSystem, path: str, admit: Admit, span: Span | None) -> bytes:
    content: bytes
    if span is not None:
        content = await fs._cat_file(path, start=span.start, end=span.stop)
        return content
    size = _size(await fs._info(path))
    if size is None:
        raise StorageError("the storage does not tell the size of the file")
    admit(size, True)
    content = await fs._cat_file(path)
    admit(len(content), True)
    return content


def _size(info: dict[str, Any]) -> int | None:
    if info.get("type") == "directory":
        raise StorageError("not a regular file but a directory")
    return info.get("size")


async def _read_http(fs: HTTPFileSystem, url: str, admit: Admit, span: Span | None) -> bytes:
    """Read a file with one GET. A compressed response is decompressed a little at a time."""
    session = await fs.set_session()
    headers = {"Accept-Encoding": "identity"} | fs.kwargs.get("headers", {})
    options = fs.kwargs | {"headers": headers if span is None else headers | {"Range": span.header}}
    try:
        async with session.get(fs.encode_url(url), **options) as response:
            fs._raise_not_found_for_status(response, url)
            if span is not None and response.status != HTTPStatus.PARTIAL_CONTENT:
                raise StorageError(_NO_PARTS)
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


async def _read_s3(fs: Any, path: str, admit: Admit, span: Span | None) -> bytes:
    """Read an object with one GET. The response tells the size before the content arrives."""
    bucket, key, version = fs.split_path(path)
    options = ({"VersionId": version} if version else {}) | ({} if span is None else {"Range": span.header})
    response = await fs._call_s3("get_object", Bucket=bucket, Key=key, **options)
    if span is not None and "ContentRange" not in response:
        response["Body"].close()
        raise StorageError(_NO_PARTS)
    async with response["Body"] as body:
        admit(response["ContentLength"], True)
        content = _Content(admit)
        while chunk := await body.read(_CHUNK):
            content.add(chunk)
        return content.bytes()
