"""Searches for the query of an address: its vectors are read or described, and compared with all images."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread

from osrmac.runs.open_run import OpenRun
from osrmac.server.addresses import QueryError, SearchAddress
from osrmac.server.cache import Cache
from osrmac.server.current_run import CurrentRun
from osrmac.server.pictures import Pictures
from osrmac.server.uploads import Upload, Uploads
from osrmac.types import Box, Match, Matrix

__all__ = ["BusyError", "ExpiredError", "QueryPicture", "Results", "Searcher"]

_HELD = 500
"""Queries whose vectors are held, so that their further pages describe nothing again."""

_WAITING = 32
"""Searches that may wait for each other; further ones are refused."""

_SCANS = 4
"""Searches of images of the run at once."""

_READS = 4
"""Files of images of the run that are read, or wait to be described, at once."""

_MOST = 10_000
"""Results of a query that can be seen."""


class ExpiredError(Exception):
    """An uploaded picture is not held any more."""


class BusyError(Exception):
    """Too many searches wait for each other."""


@dataclass(frozen=True, eq=False)
class QueryPicture:
    """The picture, or the part of it, that is searched with.

    Attributes:
        name: Id of the image, or name of the uploaded file.
        size: Width and height of the whole picture, upright, in pixels.
        vectors: Vectors as they are compared, for each recipe (1, k).
    """

    name: str
    size: tuple[int, int]
    vectors: list[Matrix]


@dataclass(frozen=True)
class Results:
    """Some of the results of a query.

    Attributes:
        query: The query.
        matches: Images found, without the query itself, nearest first.
        more: Whether there are further ones.
        method: Name of the method that images were compared by.
        distance: Name of the distance.
        searched: Which images were compared, in words.
        seconds: Time that the search took.
    """

    query: QueryPicture
    matches: list[Match]
    more: bool
    method: str
    distance: str
    searched: str
    seconds: float


class Searcher:
    """Answers the queries of addresses, a bounded number at once.

    Args:
        current: The run.
        pictures: Reads images of the run.
        uploads: Uploaded pictures.
    """

    def __init__(self, current: CurrentRun, pictures: Pictures, uploads: Uploads) -> None:
        self._current, self._pictures, self._uploads = current, pictures, uploads
        self._described = Cache[QueryPicture](_HELD)
        self._describing = CapacityLimiter(1)  # one picture at a time has all cores
        self._scanning = CapacityLimiter(_SCANS)
        self._reading = CapacityLimiter(_READS)

    async def results(self, address: SearchAddress, first: int, number: int) -> Results:
        """Return some of the results of a query.

        Args:
            address: The query, and the conditions on its results.
            first: Number of results to leave out.
            number: Number of results to return.

        Raises:
            BusyError: Too many searches wait for each other.
            ExpiredError: The uploaded picture is not held any more.
            OsrmacError: The query cannot be described.
            PictureError: The query cannot be read.
            QueryError: The address names no image with a descriptor, or the results are too many to show.
        """
        if first + number > _MOST:
            raise QueryError(f"only the first {_MOST} results of a query can be seen")
        if address.image is None or address.box is None:
            limiter = self._scanning if address.upload is None else self._describing
            _refuse_if_busy(limiter)
            return await to_thread.run_sync(self._results, address, first, number, None, limiter=limiter)
        _refuse_if_busy(self._reading)
        async with self._reading:  # slow storage holds up nobody who uploads a picture
            content = await to_thread.run_sync(self._content, address)
            return await to_thread.run_sync(self._results, address, first, number, content, limiter=self._describing)

    async def results_of(self, upload: Upload, address: SearchAddress, number: int) -> Results:
        """Return the first results of a picture that is not held; see `results`."""
        _refuse_if_busy(self._describing)

        def search() -> Results:
            images = self._current.get()
            return self._search(images, self._describe(images, upload, address), address, 0, number)

        return await to_thread.run_sync(search, limiter=self._describing)

    async def check(self, upload: Upload) -> None:
        """Raise PictureError unless a picture can be decoded."""
        await to_thread.run_sync(self._pictures.size_of, upload.content, limiter=self._scanning)

    def _content(self, address: SearchAddress) -> bytes | None:
        """Read the file of an image of the run whose part is to be described; None if it has been described."""
        images = self._current.get()
        if self._described.find((images.version, address.image, address.box)) is not None:
            return None
        return self._pictures.read(_described_row(images, address.image or "")["uri"])

    def _results(self, address: SearchAddress, first: int, number: int, content: bytes | None) -> Results:
        images = self._current.get()
        return self._search(images, self._query(images, address, content), address, first, number)

    def _search(self, images: OpenRun, query: QueryPicture, address: SearchAddress, first: int, number: int) -> Results:
        started = time.perf_counter()
        outside: frozenset[str] = frozenset()
        if address.filters:
            outside = frozenset(images.ids) - self._current.columns.matching(address.filters)
        # The query is dropped afterwards, as rankings are refined with it, too.
        top = first + number + 1 + (address.image is not None)
        found = [match for match in images.search(query.vectors, top, outside) if match.id != address.image]
        return Results(
            query,
            found[first : first + number],
            len(found) > first + number and first + 2 * number <= _MOST,
            images.method.name,
            images.options.distance,
            images.searched,
            time.perf_counter() - started,
        )

    def _query(self, images: OpenRun, address: SearchAddress, content: bytes | None) -> QueryPicture:
        if address.image is not None:
            return self._query_of_run(images, address.image, address.box, content)
        if address.upload is None:
            raise QueryError("the address names no picture: search by id=ID, or upload one")
        upload = self._uploads.get(address.upload)
        if upload is None:
            raise ExpiredError
        key = images.version, address.upload, address.box
        return self._described.get(key, lambda: self._describe(images, upload, address))

    def _query_of_run(self, images: OpenRun, image: str, box: Box | None, content: bytes | None) -> QueryPicture:
        row = _described_row(images, image)
        size, uri = (row["width"], row["height"]), row["uri"]
        if box is None:
            return QueryPicture(image, size, images.vectors(image))

        def describe() -> QueryPicture:
            read = self._pictures.read(uri) if content is None else content
            return QueryPicture(image, size, images.describe(image, read, box))

        return self._described.get((images.version, image, box), describe)

    def _describe(self, images: OpenRun, upload: Upload, address: SearchAddress) -> QueryPicture:
        vectors = images.describe(upload.name, upload.content, address.box)
        return QueryPicture(upload.name, self._pictures.size_of(upload.content), vectors)


def _described_row(images: OpenRun, image: str) -> dict[str, Any]:
    """Return the row of a described image.

    Raises:
        QueryError: There is no such image, or it has no descriptor.
    """
    row = images.row(image)
    if row is None:
        raise QueryError(f"the run has no image {image}")
    if row["error_stage"] is not None:
        raise QueryError(f"{image} has no descriptor, it failed at {row['error_stage']}: {row['error']}")
    return row


def _refuse_if_busy(limiter: CapacityLimiter) -> None:
    if limiter.statistics().tasks_waiting >= _WAITING:
        raise BusyError
