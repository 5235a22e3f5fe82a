import gzip
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
import s3fs

from osrmac.errors import StorageError
from osrmac.storage.reading.content import Span, read

CONTENT = bytes(range(256)) * 20_000  # more than is read at a time


class NotAdmittedError(Exception):
    """What `Limit` stops a reading with."""


class Limit:
    """Admits a number of bytes, and records what it is asked."""

    def __init__(self, most: int = len(CONTENT)) -> None:
        self.most = most
        self.asked: list[tuple[int, bool]] = []

    def __call__(self, size: int, entire: bool) -> None:
        self.asked.append((size, entire))
        if size > self.most:
            raise NotAdmittedError


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        compressed = self.path == "/compressed"
        body = gzip.compress(CONTENT) if compressed else CONTENT
        asked = None if self.path == "/whole" else self.headers.get("Range")
        if asked is not None:
            start, stop = map(int, asked.removeprefix("bytes=").split("-"))
            body = body[start : stop + 1]
        self.send_response(200 if asked is None else 206 if body else 416)
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(params=["local", "memory", "http", "s3"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a file with the content, on every kind of file system."""
    if request.param == "http":
        return f"{request.getfixturevalue('server')}/file"
    folders = {"local": tmp_path.as_uri(), "memory": "memory://content"}
    url = f"{folders.get(request.param) or request.getfixturevalue('bucket')}/file"
    with fsspec.open(url, "wb") as written:
        written.write(CONTENT)
    return url


def content(url: str, admit: Limit, timeout: float = 60, span: Span | None = None) -> bytes:
    fs, path = fsspec.core.url_to_fs(url)
    return read(fs, path, admit, timeout, span)


def test_the_size_of_a_file_is_admitted_before_its_content(file: str) -> None:
    limit = Limit()
    assert content(file, limit) == CONTENT
    assert limit.asked[0] == (len(CONTENT), True)
    assert limit.asked[-1][0] == len(CONTENT)


def test_a_file_that_is_not_admitted_is_not_read(file: str) -> None:
    limit = Limit(len(CONTENT) - 1)
    with pytest.raises(NotAdmittedError):
        content(file, limit)
    assert limit.asked == [(len(CONTENT), True)]


def test_what_a_server_compresses_is_admitted_as_it_grows(server: str) -> None:
    limit = Limit()
    assert content(f"{server}/compressed", limit) == CONTENT
    assert len(limit.asked) > 1
    assert {entire for _, entire in limit.asked} == {False}
    small = Limit(2 << 20)
    with pytest.raises(NotAdmittedError):
        content(f"{server}/compressed", small)
    assert small.asked[-1][0] < len(CONTENT)


def test_a_version_of_an_object_is_read(bucket: str) -> None:
    fs = s3fs.S3FileSystem(version_aware=True)
    name = bucket.removeprefix("s3://")
    fs.call_s3("put_bucket_versioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for text in (b"first", b"second"):
        fs.pipe_file(f"{name}/versioned", text)
    first, _ = sorted(fs.object_version_info(f"{name}/versioned"), key=lambda version: version["IsLatest"])
    assert read(fs, f"{name}/versioned?versionId={first['VersionId']}", Limit(), 60) == b"first"


@pytest.mark.parametrize("url", ["{folder}", "{folder}/pipe", "memory://", "/dev/zero"])
def test_only_regular_files_are_read(url: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    limit = Limit()
    with pytest.raises(StorageError, match=r"^not a regular file but a (directory|pipe|device)$"):
        content(url.format(folder=tmp_path), limit)
    assert limit.asked == []


def test_a_part_of_a_file_is_read_and_its_size_admitted(file: str) -> None:
    admit = Limit(2_000_000)
    assert content(file, admit, span=Span(300, 2_000_000)) == CONTENT[300:2_000_300]
    assert max(size for size, _ in admit.asked) == 2_000_000
    assert content(file, admit, span=Span(len(CONTENT) - 3, 3)) == CONTENT[-3:]
    assert content(file, admit, span=Span(9, 0)) == b""
    with pytest.raises(NotAdmittedError):
        content(file, admit, span=Span(0, 2_000_001))


@pytest.mark.parametrize(("beyond", "there"), [(-5, 5), (0, 0), (99, 0)])
def test_a_part_beyond_the_end_of_a_file_is_an_error(beyond: int, there: int, file: str) -> None:
    with pytest.raises(StorageError, match=f"the archive ends before the image does: {there} of 10 bytes are there"):
        content(file, Limit(), span=Span(len(CONTENT) + beyond, 10))


def test_a_server_that_sends_whole_files_only_is_an_error(server: str) -> None:
    with pytest.raises(StorageError, match="the server sends no parts of a file, only all of it: download the archive"):
        content(f"{server}/whole", Limit(), span=Span(5, 10))
