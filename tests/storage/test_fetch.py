import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from osrmac.storage.fetch import Fetcher
from osrmac.storage.location import Location


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def test_contents_and_errors_keep_the_order_of_the_urls(folder: str) -> None:
    for number in range(50):
        Location.of(f"{folder}/{number}").write_bytes(str(number).encode())
    found = list(Fetcher(concurrent=4)([f"{folder}/{number}" for number in (*range(50), "missing", 0)]))
    assert found[:50] == [str(number).encode() for number in range(50)]
    assert isinstance(found[50], FileNotFoundError)
    assert found[51] == b"0"


def test_files_of_several_file_systems_are_fetched_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A")
    Location.of("memory://elsewhere/b").write_bytes(b"B")
    assert list(Fetcher()([str(tmp_path / "a"), "memory://elsewhere/b"])) == [b"A", b"B"]


def test_read_ahead_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A")
    consumed = []

    def urls() -> Iterator[str]:
        for number in range(20):
            consumed.append(number)
            yield str(tmp_path / "a")

    contents = Fetcher(concurrent=3)(urls())
    next(contents)
    next(contents)
    assert len(consumed) == 2 + 3


def test_an_unknown_protocol_fails_only_that_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A")
    odd, good = Fetcher()(["carrier-pigeon://coop/a.jpg", str(tmp_path / "a")])
    assert "carrier-pigeon" in str(odd)
    assert good == b"A"


class _Unreliable(BaseHTTPRequestHandler):
    """Responds as the path says, and records the requests."""

    requested: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requested.append(self.path)
        times = self.requested.count(self.path)
        if self.path == "/stalled":
            threading.Event().wait(3)
        if self.path.startswith("/status-") or (self.path == "/busy" and times < 3):
            self.send_error(int(self.path[-3:]) if self.path != "/busy" else 503)
            return
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        cut = self.path == "/cut" and times < 3
        with suppress(BrokenPipeError):  # the client of /stalled has gone
            self.wfile.write(b"con" if cut else b"content")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Unreliable.requested.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Unreliable)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize("path", ["/busy", "/cut"])
def test_transient_errors_are_retried(server: str, path: str) -> None:
    assert list(Fetcher(attempts=4)([server + path])) == [b"content"]
    assert _Unreliable.requested == [path] * 3


@pytest.mark.parametrize("path", ["/status-404", "/status-403", "/status-410"])
def test_permanent_errors_are_not_retried(server: str, path: str) -> None:
    (found,) = Fetcher(attempts=4)([server + path])
    assert isinstance(found, Exception)
    assert _Unreliable.requested == [path]


def test_the_number_of_attempts_is_limited(server: str) -> None:
    (found,) = Fetcher(attempts=2)([f"{server}/status-500"])
    assert isinstance(found, Exception)
    assert len(_Unreliable.requested) == 2


def test_a_stalled_read_times_out_without_delaying_others(server: str) -> None:
    stalled, good = Fetcher(attempts=1, timeout=0.3)([f"{server}/stalled", f"{server}/good"])
    assert isinstance(stalled, TimeoutError)
    assert str(stalled) == "no answer within 0.3 s"
    assert good == b"content"
