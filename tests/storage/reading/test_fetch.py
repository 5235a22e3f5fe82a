import os
import socket
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from osrmac.config import FetchConfig
from osrmac.errors import StorageError
from osrmac.storage.file_names import file_url
from osrmac.storage.location import Location
from osrmac.storage.reading import fetch
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.reading.member_uri import ByteRange, Row
from tests.archives import hugging_face_file, tar_bytes


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
        if self.path.startswith(("/zeros-", "/gzip-")):
            self._send_zeros(self.path.partition("-")[2])
            return
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("Location", "/content")
            self.end_headers()
            return
        if self.path.startswith("/status-") or (self.path == "/busy" and times < 3):
            self.send_error(int(self.path[-3:]) if self.path != "/busy" else 503)
            return
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        cut = self.path == "/cut" and times < 3
        with suppress(BrokenPipeError):  # the client of /stalled has gone
            self.wfile.write(b"con" if cut else b"content")

    def _send_zeros(self, size: str) -> None:
        """Send zeros without an end; or so many, of known length; or so many that are compressed, asked for or not."""
        self.send_response(200)
        body = bytes(int(size)) if size else bytes(1 << 16)
        if self.path.startswith("/gzip"):
            compressor = zlib.compressobj(wbits=31)
            body = compressor.compress(body) + compressor.flush()
            self.send_header("Content-Encoding", "gzip")
        if size:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the client has gone
            self.wfile.write(body)
            while not size:
                self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Unreliable.requested.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Unreliable)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize("path", ["/busy", "/cut"])
def test_transient_errors_are_retried(server: str, path: str) -> None:
    assert list(Fetcher(FetchConfig(attempts=4))([server + path])) == [b"content"]
    assert _Unreliable.requested == [path] * 3


@pytest.mark.parametrize("path", ["/status-404", "/status-403", "/status-410"])
def test_permanent_errors_are_not_retried(server: str, path: str) -> None:
    (found,) = Fetcher(FetchConfig(attempts=4))([server + path])
    assert isinstance(found, Exception)
    assert _Unreliable.requested == [path]


def test_the_number_of_attempts_is_limited(server: str) -> None:
    (found,) = Fetcher(FetchConfig(attempts=2))([f"{server}/status-500"])
    assert isinstance(found, Exception)
    assert len(_Unreliable.requested) == 2


def test_a_stalled_read_times_out_without_delaying_others(server: str) -> None:
    stalled, good = Fetcher(FetchConfig(attempts=1, fetch_timeout=0.3))([f"{server}/stalled", f"{server}/good"])
    assert isinstance(stalled, TimeoutError)
    assert str(stalled) == "no answer within 0.3 s"
    assert good == b"content"


LIMIT = 300_000


@pytest.fixture
def limited() -> Fetcher:
    """Fetcher of files of up to 300 000 bytes."""
    return Fetcher(FetchConfig(max_bytes=LIMIT))


def test_a_file_larger_than_the_limit_fails_and_one_of_its_size_does_not(limited: Fetcher, folder: str) -> None:
    for size in (LIMIT, LIMIT + 1):
        Location.of(f"{folder}/{size}").write_bytes(bytes(size))
    good, bad = limited([f"{folder}/{LIMIT}", f"{folder}/{LIMIT + 1}"])
    assert good == bytes(LIMIT)
    assert isinstance(bad, StorageError)
    assert str(bad) == "the file has 300001 bytes, more than --max-bytes 300000"


def test_a_huge_sparse_file_is_not_read(limited: Fetcher, tmp_path: Path) -> None:
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(5 << 40)
    (found,) = limited([str(tmp_path / "sparse.jpg")])
    assert str(found) == "the file has 5497558138880 bytes, more than --max-bytes 300000"


def test_the_limit_holds_for_http(limited: Fetcher, server: str) -> None:
    kinds = ["zeros-300000", "gzip-300000", "zeros-300001", "gzip-300001", "zeros-"]
    exact, inflated, *large = limited([f"{server}/{kind}" for kind in kinds])
    assert exact == inflated == bytes(LIMIT)
    assert [str(error) for error in large] == [
        "the file has 300001 bytes, more than --max-bytes 300000",
        "the file has more bytes than --max-bytes 300000",
        "the file has more bytes than --max-bytes 300000",
    ]
    assert len(_Unreliable.requested) == len(kinds)


def test_the_limit_holds_for_members_of_archives(limited: Fetcher, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small.jpg", b"small")
        archive.writestr("large.jpg", bytes(LIMIT + 1))
    names = ("small.jpg", "large.jpg", "missing.jpg")
    small, large, missing = limited([f"zip://{name}::{tmp_path}/a.zip" for name in names])
    assert small == b"small"
    assert "more than --max-bytes" in str(large)
    assert isinstance(missing, FileNotFoundError)


def test_the_limit_holds_for_objects_of_a_bucket(limited: Fetcher, bucket: str) -> None:
    for size in (0, LIMIT, LIMIT + 1):
        Location.of(f"{bucket}/{size}").write_bytes(bytes(size))
    empty, good, bad, missing = limited([f"{bucket}/{name}" for name in (0, LIMIT, LIMIT + 1, "missing")])
    assert (empty, good) == (b"", bytes(LIMIT))
    assert str(bad) == "the file has 300001 bytes, more than --max-bytes 300000"
    assert isinstance(missing, FileNotFoundError)


def test_what_is_no_regular_file_fails_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("/dev/zero")
    found = Fetcher()([*(str(tmp_path / name) for name in ("pipe", "socket", "link", "")), "/dev/zero", ""])
    assert [str(error) for error in found] == [
        "not a regular file but a pipe",
        "not a regular file but a socket",
        "not a regular file but a device",
        "not a regular file but a directory",
        "not a regular file but a device",
        "there is no path or URL of the file",
    ]


@pytest.mark.parametrize("archive", ["/dev/zero", "{folder}/pipe", "file://{folder}/pipe"])
def test_an_archive_that_is_no_regular_file_fails_at_once(archive: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (found,) = Fetcher()([f"zip://a.jpg::{archive.format(folder=tmp_path)}"])
    assert str(found) in {"not a regular file but a pipe", "not a regular file but a device"}


def test_a_path_may_contain_two_colons(tmp_path: Path) -> None:
    file = tmp_path / "zip:::" / "b.jpg"
    file.parent.mkdir()
    file.write_bytes(b"content")
    assert list(Fetcher()([str(file), file_url(str(file))])) == [b"content"] * 2


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert list(Fetcher()([str(tmp_path / "link")])) == [b"content"]


@pytest.mark.parametrize("kind", ["zeros", "gzip"])
def test_files_that_do_not_fit_are_read_when_their_turn_comes(
    server: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_READ_AHEAD", 250_000)
    sizes = [100_000, 200_000, 1000, 400_000, 300_000, 50_000, 150_000]
    found = Fetcher(concurrent=4)(f"{server}/{kind}-{size}" for size in sizes)
    assert [len(content) for content in found if isinstance(content, bytes)] == sizes


def test_contents_that_fit_cost_one_request_each(server: str) -> None:
    assert list(Fetcher(concurrent=4)([f"{server}/zeros-100000"] * 9)) == [bytes(100_000)] * 9
    assert len(_Unreliable.requested) == 9


def test_a_consumer_may_leave_while_files_wait_for_room(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_READ_AHEAD", 1000)
    before = threading.active_count()
    contents = Fetcher(concurrent=4)([f"{server}/zeros-2000"] * 9)
    next(contents)
    contents.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before + 5  # the server's, one a connection


def test_public_http_refuses_local_addresses_without_a_request(server: str) -> None:
    fetcher = Fetcher(FetchConfig(public_http_only=True))
    named = server.replace("127.0.0.1", "localhost")
    urls = [f"{server}/content", f"{named}/content", f"zip://a.jpg::{server}/content", f"file+{server}", "ftp://host/a"]
    direct, by_name, chained, unknown, other = fetcher(urls)
    assert "127.0.0.1 is not a public address, --public-http-only refuses it" in str(direct)
    assert "is not a public address, --public-http-only refuses it" in str(by_name)
    assert isinstance(direct, PermissionError)
    assert isinstance(by_name, PermissionError)
    assert isinstance(chained, FileNotFoundError)
    assert "file+http" in str(unknown)
    assert str(other) == "--public-http-only refuses ftp://, whose connections it cannot check"
    assert _Unreliable.requested == []


def test_public_http_follows_no_redirect(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osrmac.storage.reading.public_http.is_public", lambda _address: True)
    fetcher = Fetcher(FetchConfig(public_http_only=True))
    good, redirected = fetcher([f"{server}/content", f"{server}/redirect"])
    assert good == b"content"
    assert str(redirected) == "status 302: the server redirects to another URL, which --public-http-only refuses"
    assert "/content" not in _Unreliable.requested[2:]
    assert _Unreliable.requested.count("/redirect") == 1
    assert list(Fetcher()([f"{server}/redirect"])) == [b"content"]


def test_public_http_does_not_concern_other_storage(folder: str) -> None:
    Location.of(f"{folder}/a").write_bytes(b"A")
    assert list(Fetcher(FetchConfig(public_http_only=True))([f"{folder}/a"])) == [b"A"]


def test_members_of_archives_and_rows_of_parquet_files_are_read(tmp_path: Path) -> None:
    images = [bytes([number]) * 100 for number in range(40)]
    archive = tar_bytes({f"{number}.jpg": image for number, image in enumerate(images)})
    (tmp_path / "a.tar").write_bytes(archive)
    hugging_face_file(tmp_path / "a.parquet", images, [None] * 40, group=7)
    members = [ByteRange(f"{tmp_path}/a.tar", 512 + 1024 * number, 100).uri for number in range(40)]
    rows = [Row(f"{tmp_path}/a.parquet", number, "image.bytes").uri for number in range(40)]
    assert list(Fetcher()([*members, *rows])) == images * 2


def test_limits_hold_for_members_and_rows(tmp_path: Path, limited: Fetcher) -> None:
    sizes = (LIMIT, LIMIT + 1)
    (tmp_path / "a.tar").write_bytes(bytes(5 * LIMIT))
    hugging_face_file(tmp_path / "a.parquet", [bytes(size) for size in sizes], [None] * 2)
    members = [ByteRange(f"{tmp_path}/a.tar", 9, size).uri for size in sizes]
    rows = [Row(f"{tmp_path}/a.parquet", number, "image.bytes").uri for number in range(2)]
    for fits, too_large in (limited(members), limited(rows)):
        assert fits == bytes(LIMIT)
        assert "more than --max-bytes" in str(too_large)


def test_rows_that_do_not_fit_wait_for_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_READ_AHEAD", 250)
    images = [bytes([number]) * 100 for number in range(30)]
    hugging_face_file(tmp_path / "a.parquet", images, [None] * 30)
    rows = [Row(f"{tmp_path}/a.parquet", number, "image.bytes").uri for number in range(30)]
    assert list(Fetcher(concurrent=8)(rows)) == images


def test_public_http_holds_for_archives(server: str) -> None:
    (error,) = Fetcher(FetchConfig(public_http_only=True))([ByteRange(f"{server}/a.tar", 0, 9).uri])
    assert "--public-http-only" in str(error)
