"""Limits of connections and of request bodies, which keep one client from blocking the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from http import HTTPStatus
from typing import ClassVar

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BodyLimit", "TimedProtocol"]

_HEADERS_SECONDS = 15.0
"""Time in which the headers of a request must have come, idle time before it included."""

_REQUEST_SECONDS = 120.0
"""Time after that in which the request must have come and been answered."""

_CONNECTIONS = 500
"""Connections that may wait for their headers; with one more, the one that has waited longest is closed."""

_UPLOADS = ("/search", "/api/search")
"""Paths that take a picture. All others take no more than a short form, of visitors without a token, too."""

_RETRY = {"Retry-After": "2"}

_SMALL = 10_000
"""Largest body of other requests, in bytes."""

_BODIES = 256_000_000
"""Bytes of the bodies of all requests that are being answered, unless a single one may be larger."""


class TimedProtocol(H11Protocol):
    """HTTP/1.1 with time limits: uvicorn itself waits for slow requests for ever."""

    headers_seconds: ClassVar[float] = _HEADERS_SECONDS
    request_seconds: ClassVar[float] = _REQUEST_SECONDS
    most_waiting: ClassVar[int] = _CONNECTIONS
    _waiting: ClassVar[OrderedDict[TimedProtocol, None]] = OrderedDict()
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def handle_events(self) -> None:
        """Handle what was received; after the headers of a request, wait for the rest and for the answer."""
        super().handle_events()
        if self in self._waiting and self._is_answering:
            self._waiting.pop(self)
            self._limit(self.request_seconds)

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has come already and is being answered."""
        super().on_response_complete()
        if self._is_answering:
            self._limit(self.request_seconds)
        elif not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._waiting[self] = None
        self._limit(self.headers_seconds)
        if len(self._waiting) > self.most_waiting:
            longest, _ = self._waiting.popitem(last=False)
            longest.transport.abort()

    def _limit(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self.transport.abort)


class BodyLimit:
    """Refuses requests with too large a body, before it is read or as soon as it has grown too large.

    All bodies together are limited, too, as many requests at once would fill the memory. What still arrives after the
    answer is dropped, for as long as headers may take: browsers show no answer before they have sent everything.

    Args:
        app: Application that answers the requests.
        size: Largest body of a request with a picture, in bytes.
    """

    def __init__(self, app: ASGIApp, size: int) -> None:
        self._app, self._size = app, size
        self._left = max(_BODIES, 2 * size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, whose body is limited."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        limit = self._size if path in _UPLOADS else _SMALL
        length = Headers(scope=scope).get("content-length", "0")
        declared, received = int(length) if length.isdecimal() else 0, 0

        async def limited() -> Message:
            nonlocal received
            if declared > limit:
                raise _too_large(limit)
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self._left -= size
            if received > limit:
                raise _too_large(limit)
            if self._left < 0:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Too many pictures arrive at once.", _RETRY)
            return message

        try:
            await self._app(scope, limited, send)
        finally:
            self._left += received


def _too_large(limit: int) -> HTTPException:
    advice = "" if limit == _SMALL else ": see osrmac serve --max-upload"
    text = f"what was sent is larger than {limit / 1e6:g} MB{advice}"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
