"""`osrmac serve` as a process of its own, and raw connections to it."""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil
from PIL import Image

from osrmac.server.protection.limits import TimedProtocol

__all__ = ["Server", "answers", "form", "picture", "serving"]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A server that listens.

    Attributes:
        url: Address that it shows.
        process: Its process.
    """

    url: str
    process: "subprocess.Popen[str]"

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", urlsplit(self.url).port or 0

    @property
    def resident(self) -> int:
        """Bytes of memory that its process holds."""
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size

    def ask(
        self,
        path: str,
        values: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30,
    ) -> Answer:
        """Send one request, whose headers may be wrong, on a connection of its own."""
        connection = HTTPConnection(*self.address, timeout=timeout)
        query = f"?{urlencode(values)}" if values else ""
        try:
            given = {"Host": "localhost"} | dict(headers or {})
            connection.putrequest(method, path + query, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            with suppress(OSError):  # answered, and closed, before everything was sent
                connection.send(body or b"")
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def raw(self, sent: bytes) -> bytes:
        """Send bytes, and return what comes back until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(sent)
            return received(connection)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30)


def _answer(response: HTTPResponse) -> Answer:
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def received(connection: socket.socket) -> bytes:
    """Return what a connection receives until it is closed."""
    parts: list[bytes] = []
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


def form(content: bytes, name: str = "a.jpg", field: str = "picture") -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a form with a file."""
    disposition = f'form-data; name="{field}"; filename="{name}"'
    body = b"--x\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n--x--\r\n"
    return {"Content-Type": "multipart/form-data; boundary=x"}, body


@contextmanager
def serving(run: str, folder: Path, *options: str) -> Iterator[Server]:
    """Run `osrmac serve` on a free port until the block ends; whatever it says on standard error fails the test."""
    command = [sys.executable, "-m", "osrmac", "serve", run, "--port", "0", "--format", "json", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)}
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    assert process.stdout is not None
    try:
        shown = process.stdout.readline()
        assert shown, (folder / "errors").read_text()
        yield Server(json.loads(shown)["url"], process)
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(timeout=30)
    said = (folder / "errors").read_text()
    assert "Traceback" not in said, said


def answers(server: Server) -> bool:
    """Return whether a server answers a search, before it ends slow connections."""
    found = server.ask("/search", {"id": "photo00.jpg"}, timeout=TimedProtocol.headers_seconds - 2)
    return found.status == 200 and b"Nearest to" in found.body


def picture(size: tuple[int, int] = (60, 40)) -> bytes:
    """Return a JPEG file."""
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, "JPEG")
    return file.getvalue()
