"""The web application as a process of its own, a reverse proxy before it, and what a browser does there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

__all__ = ["ORIGINAL", "TOKEN", "OpenPage", "Watch", "proxied", "search_for", "serving"]

OpenPage = Callable[..., "Page"]

ORIGINAL = "cat/3.jpg"
"""Image of the demo of which photos are uploaded."""

TOKEN = "correct-horse-battery-staple"

_HOP = {"connection", "date", "keep-alive", "server", "transfer-encoding"}
"""Headers of an answer that a proxy does not pass on."""


@contextmanager
def serving(run: Path, *options: str) -> Iterator[str]:
    """Serve a run at a free port, and yield the address of its first page."""
    command = [sys.executable, "-m", "osrmac", "serve", str(run), "--port", "0", "--format", "json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "osrmac serve ended before it listened"
            yield json.loads(line)["url"]
        finally:
            process.terminate()


@contextmanager
def proxied(upstream: str, host: str, prefix: str) -> Iterator[str]:
    """Offer a server below a prefix and another name, as a reverse proxy does; yield the address of its first page."""
    address = urlsplit(upstream).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            connection = HTTPConnection(address)
            connection.request(self.command, self.path.removeprefix(prefix), body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_address[1]}{prefix}/"
        server.shutdown()


def search_for(image: str, **others: str) -> str:
    """The address of a search with an image, below that of the first page."""
    return "search?" + "&".join(f"{name}={quote(value)}" for name, value in {"id": image, **others}.items())


class Watch:
    """Collects the problems of the pages in a browser's context.

    Problems are whatever is logged to the console, an uncaught error, a request to another host, one that fails, and an
    answer that is a failure.

    Args:
        context: Context with the pages.
        url: Address of the server.
        failing: Status of an answer that is expected to be a failure.
    """

    def __init__(self, context: BrowserContext, url: str, failing: int | None = None) -> None:
        self.problems: list[str] = []
        self._origin, self._failing = urlsplit(url)[:2], failing
        context.on("console", self._logged)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        context.on("request", self._requested)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def _logged(self, message: ConsoleMessage) -> None:
        if self._failing is None or f"status of {self._failing}" not in message.text:
            self.problems.append(f"{message.type}: {message.text}")

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url)[:2] != self._origin and not request.url.startswith(("data:", "blob:")):
            self.problems.append(f"a request to another host: {request.url}")

    def _failed(self, request: Request) -> None:
        is_picture = request.resource_type in {"image", "other"}  # icons are others
        if not (is_picture and "ERR_ABORTED" in (request.failure or "")):  # it was loading when its page was left
            self.problems.append(f"{request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status != self._failing:
            self.problems.append(f"{response.url}: {response.status}")
