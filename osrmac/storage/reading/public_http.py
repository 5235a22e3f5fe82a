"""HTTP that follows no redirect, and connects to public addresses only."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, NoReturn

import aiohttp

from osrmac.errors import StorageError

__all__ = ["HTTP", "is_public", "options", "protocols"]

HTTP = ("http", "https")
"""Protocols that connect to servers which URLs name, and whose connections can be checked."""

_OTHERS = frozenset(
    {"file", "local", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "zip", "tar", "data", "memory"}
)
"""Protocols whose servers no URL names."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 addresses (RFC 6052)."""


def options(url: str) -> dict[str, Any]:
    """Return the options with which fsspec opens a URL, or a chain of URLs, so that HTTP stays public.

    The check is made for the address that a connection is made to, when it is made: a name that is resolved to another
    address later does not pass.

    Raises:
        StorageError: The URL has a protocol whose connections are not checked.
    """
    found = protocols(url)
    unchecked = found - _OTHERS - {*HTTP}
    if unchecked:
        raise StorageError(f"--public-http-only refuses {min(unchecked)}://, whose connections it cannot check")
    return {name: {"get_client": _client} for name in HTTP if name in found}


def protocols(url: str) -> set[str]:
    """Return the protocols of a URL, or of a chain of URLs; none for a path.

    >>> sorted(protocols("zip://a.jpg::https://b.org/c.zip")), protocols("/a.jpg")
    (['https', 'zip'], set())
    """
    parts = [] if url.startswith(("/", "data:")) else url.split("::")  # these may contain anything
    return {_protocol(part) for part in parts} if len(parts) > 1 or "://" in url else set()


def _protocol(part: str) -> str:
    """Return the protocol of a part of a chain: `zip` of `zip://a.jpg` and of `zip`, `file` of a path."""
    protocol, separator, _ = part.partition("://")
    return protocol if separator or part.isalnum() else "file"


def is_public(address: str) -> bool:
    """Return whether an IP address is reachable from everywhere, and so not private, loopback, link-local or the like.

    >>> is_public("192.0.34.166"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1")
    (True, False, False)
    """
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            return is_public(str(ip_address(ip.packed[-4:])))
        if embedded is not None:
            return is_public(str(embedded))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def _client(**session_options: Any) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    connector = aiohttp.TCPConnector(socket_factory=_public_socket)
    return aiohttp.ClientSession(connector=connector, trace_configs=[trace], **session_options)


async def _refuse_redirect(
    _session: object, _context: object, redirect: aiohttp.TraceRequestRedirectParams
) -> NoReturn:
    raise StorageError(
        f"status {redirect.response.status}: the server redirects to another URL, which --public-http-only refuses"
    )


def _public_socket(address: Any) -> socket.socket:
    """Return a socket for an address as `getaddrinfo` returns it; raise PermissionError if it is not public."""
    family, kind, protocol, _, (host, *_) = address
    if not is_public(host):
        raise PermissionError(errno.EACCES, f"{host} is not a public address, --public-http-only refuses it")
    return socket.socket(family, kind, protocol)
