"""Limits of connections and of request bodies, which keep one client from blocking the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BodyLimit", "TimedProtocol"]

_HEADERS_SECONDS = 15.0
"""Time in which the headers of a request must have come, idle time before it included."""

_REQUEST_SECONDS = 120.0
"""Time after that in which the request must have come and been answered."""

_CONNECTIONS = 500
"""Connections that may wait for their headers; with one more, the one that has waited longest is closed."""

_TOO_LARGE = 413


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
        if self in self._waiting and self.cycle is not None and not self.cycle.response_complete:
            self._waiting.pop(self)
            self._limit(self.request_seconds)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()

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
    """Refuses requests with a larger body, before it is read or as soon as it has grown too large."""

    def __init__(self, app: ASGIApp, size: int) -> None:
        self._app, self._size = app, size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._size:
            await PlainTextResponse(f"{self._refusal}\n", _TOO_LARGE, {"Connection": "close"})(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._size:
                raise HTTPException(_TOO_LARGE, self._refusal, {"Connection": "close"})
            return message

        await self._app(scope, limited, send)

    @property
    def _refusal(self) -> str:
        return f"the picture is larger than {self._size / 1e6:g} MB: see osrmac serve --max-upload"
