"""An HTTP proxy that injects the faults of networks and busy servers in front of an S3 server, and records them."""

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

__all__ = ["TRANSIENT", "Fault", "Proxy", "Request", "Rule", "running"]


class Fault(Enum):
    """A fault that the proxy injects."""

    DELAY = "delayed response"
    RESET = "connection reset without a response, after half of the request's body"
    RESET_IN_BODY = "carried out, then the connection reset in the middle of the response"
    TRUNCATE = "carried out, then the connection closed in the middle of the response"
    SLOW_DOWN = "503 SlowDown"
    ERROR = "500 InternalError"
    LOST = "carried out, then answered 503"
    STALL = "no response"
    FORBIDDEN = "403 AccessDenied"
    MISSING = "404 NoSuchKey"


TRANSIENT = (Fault.RESET, Fault.RESET_IN_BODY, Fault.TRUNCATE, Fault.SLOW_DOWN, Fault.ERROR, Fault.LOST)
"""Faults after which a client must repeat the request."""

_ANSWERS = {
    Fault.SLOW_DOWN: (503, "SlowDown", "Please reduce your request rate."),
    Fault.ERROR: (500, "InternalError", "We encountered an internal error. Please try again."),
    Fault.LOST: (503, "ServiceUnavailable", "Please reduce your request rate."),
    Fault.FORBIDDEN: (403, "AccessDenied", "Access Denied"),
    Fault.MISSING: (404, "NoSuchKey", "The specified key does not exist."),
}


class Request(NamedTuple):
    """A recorded request.

    Attributes:
        operation: GET, HEAD, PUT or DELETE of an object, LIST of a bucket, BEGIN, PART, COMPLETE or ABORT of a
            multipart upload; OTHER for anything else.
        key: Bucket and key.
        fault: Injected fault; None if the request was passed on unchanged.
        status: Status of the server's response; None if the request was not passed on.
    """

    operation: str
    key: str
    fault: Fault | None
    status: int | None


@dataclass(frozen=True)
class Rule:
    """Injects faults into some requests.

    Attributes:
        faults: Faults, one of which is drawn at random.
        rate: Share of the matching requests that fail.
        operations: Operations of `Request` that match; empty for all.
        key: Regular expression that matches somewhere in bucket and key.
        times: Largest number of faults; None for no limit.
    """

    faults: Sequence[Fault]
    rate: float = 1.0
    operations: Sequence[str] = ()
    key: str = ""
    times: int | None = None

    def matches(self, operation: str, key: str) -> bool:
        return (not self.operations or operation in self.operations) and search(self.key, key) is not None


@dataclass
class Proxy:
    """State of the proxy. Faults depend on the seed, the request and its number of repetitions, not on the threads.

    Attributes:
        endpoint: URL of the proxy.
        upstream: Host and port of the server behind it.
        rules: Rules; the first one that matches a request and is drawn decides.
        record: Every request so far.
        seed: Seed of the random draws.
        delay: Longest delay of a response, in seconds.
        closing: Set when the proxy shuts down, to end delays.
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
        """Draw the fault of a request, and a number between 0 and 1 for its extent."""
        with self._lock:
            self._seen[target] += 1
            rng = random.Random(f"{self.seed} {target} {self._seen[target]}")
            for number, rule in enumerate(self.rules):
                exhausted = rule.times is not None and self._used[number] >= rule.times
                if not exhausted and rule.matches(operation, key) and rng.random() < rule.rate:
                    self._used[number] += 1
                    return rng.choice(rule.faults), rng.random()
        return None, 0.0

    def forget(self) -> None:
        """Drop all rules and the record."""
        with self._lock:
            self.rules, self.record = [], []
            self._used.clear()

    def note(self, request: Request) -> None:
        with self._lock:
            self.record.append(request)

    def requests(self, operation: str, key: str) -> list[Request]:
        """The recorded requests of an operation for keys that match a regular expression."""
        with self._lock:
            return [one for one in self.record if one.operation == operation and search(key, one.key)]

    def faults(self) -> Counter[str]:
        """The number of injected faults by name."""
        with self._lock:
            return Counter(one.fault.name for one in self.record if one.fault)


@contextmanager
def running(upstream: str) -> Iterator[Proxy]:
    """Run a proxy for a server's URL on a free port of this machine."""
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
        self.close_request(request)  # without a FIN, so that a connection can be reset

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: killed clients leave their connections open."""


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
            return  # half of an empty response is no response
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length")
        if status != 204:
            self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def _refuse(self, status: int, code: str, message: str) -> None:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        content = b"" if self.command == "HEAD" else f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode()
        self._answer(status, [("Content-Type", "application/xml")], content, None)

    def _reset(self) -> None:
        """End the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


def _operation(method: str, target: str) -> tuple[str, str]:
    """The operation of a request, and its bucket and key."""
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
