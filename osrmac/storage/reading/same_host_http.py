"""HTTP that follows redirects only to the host of the URL itself."""

from __future__ import annotations

from typing import Any

import aiohttp
from yarl import URL

from osrmac.errors import StorageError
from osrmac.storage.reading.public_http import HTTP, protocols

__all__ = ["options", "stays"]

_WEB_PORTS = {80, 443}


def options(url: str) -> dict[str, Any]:
    """Return the options with which fsspec opens a URL, or a chain of URLs, so that HTTP stays at its hosts."""
    return {name: {"get_client": _client} for name in HTTP if name in protocols(url)}


def stays(source: URL, target: URL) -> bool:
    """Return whether a redirect leads to the same host, at the same port or from one of the usual ports to the other.

    >>> stays(URL("http://a.org/1.jpg"), URL("https://a.org/1.jpg"))
    True
    >>> stays(URL("http://a.org/1.jpg"), URL("http://a.org:9200/"))
    False
    """
    same_port = source.port == target.port or {source.port, target.port} <= _WEB_PORTS
    return source.host == target.host and same_port


async def _client(**session_options: Any) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_other_host)
    return aiohttp.ClientSession(trace_configs=[trace], **session_options)


async def _refuse_other_host(_session: object, _context: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
    headers = redirect.response.headers
    target = redirect.url.join(URL(headers.get("Location") or headers.get("URI") or ""))
    if not stays(redirect.url, target):
        raise StorageError(f"status {redirect.response.status}: the server redirects to another host, {target.host}")
