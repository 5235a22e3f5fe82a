"""The searcher answers addresses as `osrmac.search` answers queries."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import numpy as np
import pyarrow as pa
import pytest
from anyio.from_thread import BlockingPortal

from osrmac import api
from osrmac.config import SearchConfig
from osrmac.errors import StorageError
from osrmac.server import search as module
from osrmac.server.addresses import QueryError, SearchAddress
from osrmac.server.columns import Columns
from osrmac.server.current_run import CurrentRun
from osrmac.server.pictures import PictureError, Pictures
from osrmac.server.search import BusyError, ExpiredError, Results, Searcher
from osrmac.server.uploads import Upload, Uploads
from osrmac.storage.run import Run
from osrmac.types import Match
from tests.server.conftest import FAILED, IDS

ID = "odd/03.png"
BOX = (5.0, 10.0, 70.0, 90.0)


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with anyio.from_thread.start_blocking_portal() as portal:
        yield portal


class Asked:
    """A searcher, and what it is made of, asked from outside its event loop."""

    def __init__(self, portal: BlockingPortal, run: Run, columns: pa.Table | None = None, **options: Any) -> None:
        self.portal, self.uploads, self.pictures = portal, Uploads(60), Pictures(run)
        own = None if columns is None else Columns(columns)
        self.current = CurrentRun(run, SearchConfig(**options), own)
        self.searcher = Searcher(self.current, self.pictures, self.uploads)

    def __call__(self, address: SearchAddress, first: int = 0, number: int = 30) -> Results:
        return self.portal.call(self.searcher.results, address, first, number)


@pytest.fixture(scope="module")
def asked(portal: BlockingPortal, written: Run) -> Asked:
    return Asked(portal, written, pa.table({"id": IDS, "kind": ["odd", "even"] * 15}))


@pytest.fixture(scope="module")
def described(portal: BlockingPortal, finished: Run) -> Asked:
    """A searcher of a run whose network can be loaded."""
    return Asked(portal, finished, method="single")


def same(found: tuple[Match, ...] | list[Match], expected: list[Match]) -> None:
    assert [(match.id, match.uri, match.box) for match in found] == [
        (match.id, match.uri, match.box) for match in expected
    ]
    np.testing.assert_allclose([match.distance for match in found], [match.distance for match in expected], atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"query_expansion": 4}, {"rerank": "superglobal", "rerank_top": 9}])
def test_an_image_finds_the_others_as_a_search_does(
    options: dict[str, Any], portal: BlockingPortal, written: Run
) -> None:
    asked = Asked(portal, written, **options)
    for image in IDS[::7]:
        (expected,) = api.search(written.url, image, top=31, **options)
        found = asked(SearchAddress(image))
        assert found.query.name == image
        assert (found.method, found.distance, found.more) == ("single", "l1", False)
        same(found.matches, [match for match in expected.matches if match.id != image])


def test_pages_follow_each_other(asked: Asked) -> None:
    everything = asked(SearchAddress(IDS[0]))
    pages = [asked(SearchAddress(IDS[0]), first, 10) for first in range(0, 40, 10)]
    assert [match for page in pages for match in page.matches] == everything.matches
    assert [page.more for page in pages] == [True, True, False, False]


def test_the_end_of_what_can_be_seen_is_no_further_page(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 20)
    assert [asked(SearchAddress(IDS[0]), first, 10).more for first in (0, 10)] == [True, False]
    with pytest.raises(QueryError, match="only the first 20 results"):
        asked(SearchAddress(IDS[0]), 20, 10)


@pytest.mark.parametrize("options", [{}, {"query_expansion": 4}, {"rerank": "superglobal"}])
def test_conditions_leave_images_out(options: dict[str, Any], portal: BlockingPortal, written: Run) -> None:
    asked = Asked(portal, written, pa.table({"id": IDS, "kind": ["odd", "even"] * 15}), **options)
    for query in IDS[:2]:
        found = asked(SearchAddress(query, filters=(("kind", "even"),)))
        assert {match.id for match in found.matches} == set(IDS[1::2]) - {query}
    assert asked(SearchAddress(IDS[0], filters=(("kind", "none"),))).matches == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (SearchAddress(), "the address names no picture"),
        (SearchAddress("gone.jpg"), "the run has no image gone.jpg"),
        (SearchAddress("gone.jpg", box=(0, 0, 9, 9)), "the run has no image gone.jpg"),
        (SearchAddress(FAILED), "broken.jpg has no descriptor, it failed at decode: the <b>file</b> is empty"),
    ],
)
def test_addresses_of_nothing_are_refused(address: SearchAddress, message: str, asked: Asked) -> None:
    with pytest.raises(QueryError, match=message):
        asked(address)


def test_an_upload_finds_what_a_search_by_path_finds(described: Asked, finished: Run, photos: Path) -> None:
    (expected,) = api.search(finished.url, str(photos / ID), method="single", top=30)
    upload = Upload("mine.png", (photos / ID).read_bytes())
    key = described.uploads.add(upload)
    found = described(SearchAddress(upload=key))
    assert (found.query.name, found.query.size) == ("mine.png", (111, 120))
    same(found.matches, list(expected.matches))
    once = described.portal.call(described.searcher.results_of, upload, SearchAddress(), 5)
    same(once.matches, list(expected.matches[:5]))
    assert once.more


def test_a_box_finds_what_a_search_with_it_finds(described: Asked, finished: Run, photos: Path) -> None:
    (expected,) = api.search(finished.url, ID, method="single", box=BOX, top=30)
    others = [match for match in expected.matches if match.id != ID]
    same(described(SearchAddress(ID, box=BOX)).matches, others)
    key = described.uploads.add(Upload("mine.png", (photos / ID).read_bytes()))
    same(described(SearchAddress(upload=key, box=BOX)).matches, list(expected.matches))
    with pytest.raises(StorageError, match=r"odd/03.png cannot be described, it failed at crop"):
        described(SearchAddress(ID, box=(500, 500, 600, 600)))


def test_further_pages_of_a_query_describe_nothing_again(
    described: Asked, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = described.uploads.add(Upload("mine.png", (photos / "odd" / "05.png").read_bytes()))
    addresses = [SearchAddress(upload=key), SearchAddress("odd/05.png", box=BOX)]
    for address in addresses:
        described(address)
    monkeypatch.setattr("osrmac.runs.open_run.OpenRun.describe", None)
    monkeypatch.setattr(described.pictures, "read", None)
    for address in addresses:
        assert described(address, 10, 10).matches


def test_an_upload_that_was_forgotten_has_expired(described: Asked) -> None:
    with pytest.raises(ExpiredError):
        described(SearchAddress(upload="nothing"))


def test_what_is_no_picture_is_refused(described: Asked) -> None:
    with pytest.raises(PictureError, match="the picture cannot be decoded"):
        described.portal.call(described.searcher.check, Upload("a.svg", b"<svg/>"))


def test_slow_storage_holds_up_no_search_and_no_upload(
    described: Asked, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, begun = threading.Event(), threading.Semaphore(0)
    read: Callable[[str], bytes] = described.pictures.read

    def slow(uri: str) -> bytes:
        begun.release()
        answer.wait(60)
        return read(uri)

    monkeypatch.setattr(described.pictures, "read", slow)
    key = described.uploads.add(Upload("mine.png", (photos / "odd" / "07.png").read_bytes()))
    with ThreadPoolExecutor(8) as pool:
        stuck = [pool.submit(described, SearchAddress("odd/07.png", box=(0, 0, 40, 40 + n))) for n in range(6)]
        for _ in range(module._READS):
            assert begun.acquire(timeout=60)
        assert described(SearchAddress(upload=key)).matches[0].id == "odd/07.png"
        assert described(SearchAddress(ID)).matches
        answer.set()
        assert all(future.result().matches for future in stuck)


def test_too_many_searches_are_refused(described: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAITING", 2)
    answer = threading.Event()
    monkeypatch.setattr("osrmac.runs.open_run.OpenRun.describe", lambda *_: answer.wait(60) and 1 / 0)
    upload = Upload("a", b"")
    describing = described.searcher._describing
    with ThreadPoolExecutor(4) as pool:
        call = described.portal.call
        stuck = [pool.submit(call, described.searcher.results_of, upload, SearchAddress(), 1) for _ in range(3)]
        while call(lambda: describing.statistics().tasks_waiting) < 2:
            time.sleep(0.01)
        with pytest.raises(BusyError):
            call(described.searcher.results_of, upload, SearchAddress(), 1)
        assert described(SearchAddress(ID)).matches
        answer.set()
        assert all(isinstance(future.exception(), ZeroDivisionError) for future in stuck)
