"""An HTTP proxy in front of an S3 server that does what networks and busy servers do, and keeps a record of it."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from re import search
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["PASSING", "Fault", "Proxy", "Request", "Rule", "running"]


class Fault(Enum):
    """What may befall a request."""

    DELAY = "answered late"
    RESET = "connection reset before an answer, half of an upload read"
    RESET_IN_BODY = "carried out, and the connection reset in the middle of the answer"
    TRUNCATE = "carried out, and the connection closed in the middle of the answer"
    SLOW_DOWN = "503 SlowDown"
    ERROR = "500 InternalError"
    LOST = "carried out, and then answered 503"
    STALL = "never answered"
    FORBIDDEN = "403 AccessDenied"
    MISSING = "404 NoSuchKey"


PASSING = (Fault.RESET, Fault.RESET_IN_BODY, Fault.TRUNCATE, Fault.SLOW_DOWN, Fault.ERROR, Fault.LOST)
"""What a client must try again for."""

_ANSWERS = {
    Fault.SLOW_DOWN: (503, "SlowDown", "Please reduce your request rate."),
    Fault.ERROR: (500, "InternalError", "We encountered an internal error. Please try again."),
    Fault.LOST: (503, "ServiceUnavailable", "Please reduce your request rate."),
    Fault.FORBIDDEN: (403, "AccessDenied", "Access Denied"),
    Fault.MISSING: (404, "NoSuchKey", "The specified key does not exist."),
}


class Request(NamedTuple):
    """What was asked for, and what befell it.

    Attributes:
        operation: GET, HEAD, PUT or DELETE of an object, LIST of a bucket, BEGIN, PART, COMPLETE or ABORT of an upload
            in parts; for anything else OTHER.
        key: Bucket and key.
        fault: None if it was passed on as it was.
        status: Of the server's answer, if it was asked.
    """

    operation: str
    key: str
    fault: Fault | None
    status: int | None


@dataclass(frozen=True)
class Rule:
    """Which requests meet with which faults.

    Attributes:
        faults: One of these, by lot.
        rate: Share of the requests.
        operations: See `Request`; none: all.
        key: Regular expression that is found in bucket and key.
        times: So many requests at most.
    """

    faults: Sequence[Fault]
    rate: float = 1.0
    operations: Sequence[str] = ()
    key: str = ""
    times: int | None = None

    def concerns(self, operation: str, key: str) -> bool:
        return (not self.operations or operation in self.operations) and search(self.key, key) is not None


@dataclass
class Proxy:
    """Decides and records; the lots are drawn by the seed, the request and how often it was made, whatever the threads.

    Attributes:
        endpoint: Its URL.
        upstream: Host and port of the server behind it.
        rules: The first one that concerns a request, and whose lot is drawn, decides.
        record: Every request so far.
        delay: Seconds that a late answer takes, at most.
    """

    endpoint: str
    upstream: str
    rules: list[Rule] = field(default_factory=list)
    record: list[Request] = field(default_factory=list)
    seed: int = 0
    delay: float = 0.2
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: Counter[str] = field(default_factory=Counter)
    _used: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def draw(self, operation: str, key: str, target: str) -> tuple[Fault | None, float]:
        """The fault of a request, and a number between 0 and 1 for its size."""
        with self._lock:
            self._seen[target] += 1
            lots = random.Random(f"{self.seed} {target} {self._seen[target]}")
            for number, rule in enumerate(self.rules):
                spent = rule.times is not None and self._used[number] >= rule.times
                if not spent and rule.concerns(operation, key) and lots.random() < rule.rate:
                    self._used[number] += 1
                    return lots.choice(rule.faults), lots.random()
        return None, 0.0

    def forget(self) -> None:
        """Drop rules and record."""
        with self._lock:
            self.rules, self.record = [], []
            self._used.clear()

    def note(self, request: Request) -> None:
        with self._lock:
            self.record.append(request)

    def asked(self, operation: str, key: str) -> list[Request]:
        """The requests of one kind for keys in which a regular expression is found."""
        with self._lock:
            return [one for one in self.record if one.operation == operation and search(key, one.key)]

    def faults(self) -> Counter[str]:
        """How often which fault was injected."""
        with self._lock:
            return Counter(one.fault.name for one in self.record if one.fault)


@contextmanager
def running(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port of this machine, in front of a server's URL."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_port}", urlsplit(upstream).netloc)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.proxy
    finally:
        server.proxy.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    proxy: Proxy
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self.close_request(request)  # without a polite end first: what is to be reset must be reset

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that are killed leave their connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        proxy = self.server.proxy
        operation, key = _operation(self.command, self.path)
        fault, size = proxy.draw(operation, key, f"{self.command} {self.path}")
        if fault is Fault.RESET:
            self.rfile.read(self._length // 2)
            proxy.note(Request(operation, key, fault, None))
            self._reset()
            return
        body = self.rfile.read(self._length)
        if fault is Fault.DELAY:
            proxy.closing.wait(proxy.delay * size)
        if fault is Fault.STALL:
            proxy.note(Request(operation, key, fault, None))
            proxy.closing.wait(60)
            self.close_connection = True
        elif fault in _ANSWERS:
            status = self._ask(body)[0] if fault is Fault.LOST else None
            proxy.note(Request(operation, key, fault, status))
            self._refuse(*_ANSWERS[fault])
        else:
            status, headers, content = self._ask(body)
            proxy.note(Request(operation, key, fault, status))
            self._answer(status, headers, content, fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # names that the base class looks for

    @property
    def _length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(self.server.proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "expect"}:
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, fault: Fault | None) -> None:
        cut = fault in {Fault.RESET_IN_BODY, Fault.TRUNCATE}
        if fault is Fault.RESET_IN_BODY:
            self._reset()
        self.close_connection |= cut
        if cut and not content:
            return  # half of it is nothing at all
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        told = {name.lower(): value for name, value in headers}.get("content-length")
        if status != 204:
            self.send_header("Content-Length", told if self.command == "HEAD" and told else str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def _refuse(self, status: int, code: str, message: str) -> None:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        content = b"" if self.command == "HEAD" else f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode()
        self._answer(status, [("Content-Type", "application/xml")], content, None)

    def _reset(self) -> None:
        """Have the connection end with a reset, not with an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


def _operation(method: str, target: str) -> tuple[str, str]:
    """What a request is about."""
    url = urlsplit(target)
    key = unquote(url.path).strip("/")
    query = parse_qs(url.query, keep_blank_values=True)
    if method == "GET" and "/" not in key:
        return "LIST", "/".join([key, *query.get("prefix", [])])
    if "uploadId" in query:
        return {"PUT": "PART", "POST": "COMPLETE", "DELETE": "ABORT"}.get(method, "OTHER"), key
    if "uploads" in query:
        return "BEGIN" if method == "POST" else "OTHER", key
    return method if method in {"GET", "HEAD", "PUT", "DELETE"} else "OTHER", key
