"""Who may use the server: checks of the Host header, of requests that other sites cause, and of the token."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Access", "AccessMiddleware", "host_name"]

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response. No page loads, frames or sends anything across sites."""

_OPEN = frozenset({"/static/icon.svg", "/static/style.css", "/token"})
"""Paths that the page which asks for the token needs."""

_COOKIE_SECONDS = 30 * 24 * 3600

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]*)?")
"""A Host header: an IPv6 address in brackets, or a name; and a port. Nothing else passes, such as names of users."""


@dataclass(frozen=True)
class Access:
    """What a request must have to be answered.

    Attributes:
        hosts: Names by which the server may be addressed, in lower case and without ports.
        any_address: Whether every IP address will do, too, where the server listens at all of its machine's.
        token: Token to give as a cookie, as a bearer token, or once in the address; None if there is none.
    """

    hosts: frozenset[str]
    any_address: bool = False
    token: str | None = None

    def has_host(self, header: str) -> bool:
        """Return whether a Host header names this server; another name may be one that a site has rebound to it."""
        name = host_name(header)
        return name in self.hosts or (self.any_address and _is_address(name))

    @property
    def cookie(self) -> str:
        """Name of the cookie: servers at several ports of a machine share their cookies."""
        return f"osrmac-{hashlib.sha256((self.token or '').encode()).hexdigest()[:8]}"

    def knows(self, given: str | None) -> bool:
        """Return whether this is the token, in a time that does not depend on it."""
        return self.token is None or hmac.compare_digest((given or "").encode(), self.token.encode())


def host_name(header: str) -> str:
    """Return the name in a Host header in lower case, without its port; an empty text for anything else.

    >>> host_name("LocalHost:8000"), host_name("[::1]:8000"), host_name("evil.org@localhost")
    ('localhost', '::1', '')
    """
    match = _HOST.fullmatch(header)
    return "" if match is None else (match[1] or match[2]).lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class AccessMiddleware:
    """Refuses requests that `Access` does not allow, and adds security headers to every response."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._answer(Request(scope)) or self._app
        await answer(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return the answer to a request that is not passed on."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._access.has_host(hosts[0]):
            return _refusal("this server is not known by that name: see osrmac serve --allowed-host")
        if _is_cross_site(request, self._access):
            return _refusal("requests from other sites are refused", HTTPStatus.FORBIDDEN)
        if self._access.token is None or _path(request) in _OPEN:
            return None
        return self._answer_by_token(request)

    def _answer_by_token(self, request: Request) -> Response | None:
        in_address = request.query_params.get("token")
        if in_address is not None and request.method == "GET" and self._access.knows(in_address):
            return with_cookie(RedirectResponse(_without_token(request), HTTPStatus.SEE_OTHER), request, self._access)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else request.cookies.get(self._access.cookie)
        if self._access.knows(given):
            return None
        if _path(request).startswith("/api/"):
            error = "give the token that osrmac serve shows, as Authorization: Bearer TOKEN"
            return JSONResponse({"error": error}, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
        return RedirectResponse(request.scope.get("root_path", "") + "/token", HTTPStatus.SEE_OTHER)


def with_cookie(response: Response, request: Request, access: Access) -> Response:
    """Add the cookie with the token to a response; scripts and requests of other sites do not have it."""
    response.set_cookie(
        access.cookie,
        access.token or "",
        max_age=_COOKIE_SECONDS,
        path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def _refusal(reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Response:
    return PlainTextResponse(f"{reason}\n", status)


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def _without_token(request: Request) -> str:
    """Return the address without its token; its path begins with one slash, as two would lead to another host."""
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    path = "/" + request.scope["path"].lstrip("/\\")
    return f"{path}?{urlencode(others)}" if others else path


def _is_cross_site(request: Request, access: Access) -> bool:
    """Return whether another site causes a request, unless it only links to a page.

    Browsers say so in `Sec-Fetch-Site`, which counts a server at another port as another site, too. They leave it out
    over HTTP to other machines, and then say it in `Origin` if anything is sent. Programs send neither.
    """
    headers = request.headers
    site = headers.get("sec-fetch-site")
    if site is None:
        origin = headers.get("origin")
        return request.method not in {"GET", "HEAD"} and origin is not None and not access.has_host(_host(origin))
    if site in {"none", "same-origin"}:
        return False
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return not (is_link and request.method == "GET")


def _host(origin: str) -> str:
    """Return host and port of an origin, an empty text for `null`."""
    return origin.partition("://")[2]
