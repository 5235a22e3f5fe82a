"""Concurrent download of images, with bounded read-ahead, retries and limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from osrmac.config import ComputeConfig, FetchConfig
from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.storage.filesystem import open_url
from osrmac.storage.reading import content, member_uri, public_http, same_host_http
from osrmac.storage.reading.byte_budget import ByteBudget
from osrmac.storage.reading.content import Span
from osrmac.storage.reading.member_uri import Row
from osrmac.storage.reading.row_reader import RowReader
from osrmac.storage.retry import is_transient

__all__ = ["Fetcher", "longest_fetch", "retrying"]

_MAX_WAIT = 20.0
"""Longest wait before another attempt, in seconds."""

_READ_AHEAD = 256_000_000
"""Bytes of the contents that are read ahead of their use, all together. A larger file is read when its turn comes."""


def longest_fetch(config: FetchConfig) -> float:
    """Return the seconds that reading a file takes at most, on file systems with time limits."""
    return config.attempts * (config.fetch_timeout + _MAX_WAIT)


def retrying(attempts: int) -> Retrying:
    """Return the policy by which a file is read again after a transient error.

    Args:
        attempts: Number of attempts.
    """
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_random_exponential(multiplier=0.5, max=_MAX_WAIT),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )


class Fetcher:
    """Reads files concurrently, in the order of their URLs.

    Holds no more than 256 MB of the files that come next, and one file of up to `max_bytes`.

    Args:
        config: Retries and limits. The time limit of an attempt applies to remote file systems.
        concurrent: Number of files read at once, and of contents held ahead of the consumer.
        leave_host: Whether HTTP may redirect to another host than the URL's.
    """

    def __init__(
        self,
        config: FetchConfig = FetchConfig(),
        concurrent: int = ComputeConfig.concurrent_reads,
        *,
        leave_host: bool = True,
    ) -> None:
        self._config = config
        self._concurrent = concurrent
        self._leave_host = leave_host
        self._retrying = retrying(config.attempts)
        self._rows = RowReader(concurrent)

    def __call__(self, urls: Iterable[str]) -> Iterator[bytes | Exception]:
        """Yield the content of each file, or the exception that prevented reading it.

        Args:
            urls: Paths or URLs, consumed a few ahead.
        """
        budget = ByteBudget(_READ_AHEAD)
        contents = prefetch(
            lambda item: self._fetch(item[1], _Share(budget, item[0], self._config.max_bytes)),
            enumerate(urls),
            threads=self._concurrent,
            depth=self._concurrent,
            cancel=budget.close,
        )
        try:
            for number in count():
                budget.take(number)
                try:
                    found = next(contents)
                except StopIteration:
                    return
                yield found
                del found  # counted until the next one is taken, and not held longer
        finally:
            contents.close()

    def _fetch(self, url: str, share: _Share) -> bytes | Exception:
        try:
            return self._retrying(self._read, url, share)
        except Exception as error:  # every storage has errors of its own; the caller makes a row of each
            share.release()
            return error

    def _read(self, url: str, share: _Share) -> bytes:
        if not url:
            raise StorageError("there is no path or URL of the file")
        part = member_uri.parse(url)
        file = url if part is None else part.file
        content.check_archive(file)
        fs, path = open_url(file, retries=False, options=self._options(file))
        if isinstance(part, Row):
            found = self._rows.read(part, fs, path, self._config.fetch_timeout)
            share.take(len(found))
            return found
        span = None if part is None else Span(part.start, part.length)
        while True:
            try:
                return content.read(fs, path, share.admit, self._config.fetch_timeout, span)
            except _NoRoomError as postponed:
                share.wait(postponed.size)

    def _options(self, url: str) -> dict[str, Any]:
        """Return the options with which fsspec opens a URL."""
        if self._config.public_http_only:
            return public_http.options(url)
        return {} if self._leave_host else same_host_http.options(url)


class _NoRoomError(Exception):
    """A file cannot be read ahead now; it has to wait with no connection open, and then be read from its start.

    Attributes:
        size: Size of the file in bytes, if known.
    """

    def __init__(self, size: int | None) -> None:
        self.size = size


@dataclass
class _Share:
    """The part of the budget that one file takes, and the limit of its size."""

    budget: ByteBudget
    number: int
    max_bytes: int
    held: int = 0

    def admit(self, size: int, is_total: bool) -> None:
        """Admit a number of bytes, or raise an exception: see `content.Admit`."""
        if size > self.max_bytes:
            has = f"{size} bytes, more than" if is_total else "more bytes than"
            raise StorageError(f"the file has {has} --max-bytes {self.max_bytes}")
        if size <= self.held:
            return
        if not self.budget.hold(self.number, size):
            raise _NoRoomError(size if is_total else None)
        self.held = size

    def take(self, size: int) -> None:
        """Admit bytes that are there already: wait until they fit."""
        try:
            self.admit(size, True)
        except _NoRoomError:
            self.wait(size)

    def wait(self, size: int | None) -> None:
        """Wait until the file fits."""
        self.held = 0
        self.budget.wait(self.number, size)
        self.held = size or 0

    def release(self) -> None:
        """Give the bytes back."""
        self.budget.release(self.number)
