"""Concurrent download of images, with bounded read-ahead, retries and timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from osrmac.prefetch import prefetch
from osrmac.storage.filesystem import open_url
from osrmac.storage.retry import is_transient

__all__ = ["Fetcher"]

_MAX_WAIT = 20.0
"""Longest wait before another attempt, in seconds."""


class Fetcher:
    """Reads files concurrently, in the order of their URLs.

    Args:
        concurrent: Number of files read at once, and of contents held ahead of the consumer.
        attempts: Attempts at each file; only transient errors are retried.
        timeout: Seconds that one attempt may take. It applies to remote file systems.
    """

    def __init__(self, concurrent: int = 16, attempts: int = 5, timeout: float = 60.0) -> None:
        self._concurrent = concurrent
        self._timeout = timeout
        self._retrying = Retrying(
            retry=retry_if_exception(is_transient),
            wait=wait_random_exponential(multiplier=0.5, max=_MAX_WAIT),
            stop=stop_after_attempt(attempts),
            reraise=True,
        )

    def __call__(self, urls: Iterable[str]) -> Iterator[bytes | Exception]:
        """Yield the content of each file, or the exception that prevented reading it."""
        return prefetch(self._fetch, urls, threads=self._concurrent, depth=self._concurrent)

    def _fetch(self, url: str) -> bytes | Exception:
        try:
            return self._retrying(self._read, url)
        except Exception as error:  # every storage has errors of its own; the caller makes a row of each
            return error

    def _read(self, url: str) -> bytes:
        fs, path = open_url(url, retries=False)
        if not isinstance(fs, AsyncFileSystem):
            content: bytes = fs.cat_file(path)
            return content
        try:
            return sync(fs.loop, _read_within, self._timeout, fs, path)
        except FSTimeoutError as error:
            raise TimeoutError(f"no answer within {self._timeout:g} s") from error


async def _read_within(seconds: float, fs: AsyncFileSystem, path: str) -> bytes:
    content: bytes = await asyncio.wait_for(fs._cat_file(path), seconds)
    return content
