"""Start the web application: find what is wrong before anything is loaded, listen, and say where."""

from __future__ import annotations

import logging
import resource
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from osrmac.config import ServeConfig
from osrmac.errors import ConfigError, NotFoundError, reason
from osrmac.server.app import create_app
from osrmac.server.background import run_in_background
from osrmac.server.columns import read_columns
from osrmac.server.protection.access import Access
from osrmac.server.protection.limits import TimedProtocol
from osrmac.server.site import Site
from osrmac.storage.run import Run

__all__ = ["serve"]

_TOKEN_LENGTH = 16
_BACKLOG = 2048
_GRACE_SECONDS = 2
"""Time that requests have to be answered when the server ends."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(run: str, config: ServeConfig, ready: Callable[[str], None]) -> None:
    """Serve a run until the process is interrupted.

    Args:
        run: Run with descriptors.
        config: Address, access, and how images are compared.
        ready: Called with the address of the first page as soon as it can be opened.

    Raises:
        ConfigError: The address is not this machine's or in use, or an option cannot work.
        OsrmacError: The run cannot be opened.
    """
    token = _token(config)
    columns = read_columns(config.columns)
    with _listening(config) as listening:
        site = Site(Run(run), config, columns)
        port = listening.getsockname()[1]
        app = create_app(site, _access(config, token))
        settings = uvicorn.Config(
            app,
            http=TimedProtocol,
            ws="none",
            lifespan="off",
            root_path=config.path,
            access_log=False,
            log_level="error",  # requests that are no HTTP are not worth a line each
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            backlog=_BACKLOG,
        )
        logging.getLogger("python_multipart").setLevel(logging.ERROR)  # nor are forms that are none
        _raise_file_limit()
        run_in_background(site.load_network)
        _Server(settings, lambda: ready(_url(config, port, token))).run([listening])


def _token(config: ServeConfig) -> str | None:
    """Return the token that requests must give; None if there is none.

    Raises:
        ConfigError: The token of the file is too short.
        NotFoundError: There is no such file.
    """
    if config.token_file is None:
        return secrets.token_urlsafe(24) if config.needs_token else None
    try:
        token = Path(config.token_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"--token-file {config.token_file} cannot be read: {reason(error)}") from error
    if len(token) < _TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"--token-file {config.token_file} must hold at least {_TOKEN_LENGTH} characters without spaces, such as "
            "those of openssl rand -hex 16"
        )
    return token


def _listening(config: ServeConfig) -> socket.socket:
    """Return a socket that is bound to the address.

    Raises:
        ConfigError: The address is in use, or is not one of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as if_refused:
            bound = if_refused.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            if_refused.pop_all()
    except (OSError, UnicodeError) as error:  # names have labels of up to 63 characters
        raise ConfigError(
            f"cannot listen at {config.host} port {config.port}: {reason(error)}; choose others with --host and --port"
        ) from error
    return bound


def _access(config: ServeConfig, token: str | None) -> Access:
    anywhere = _is_unspecified(config.host)
    names = {config.host, *config.allowed_host, *_LOCAL_NAMES}
    names |= {socket.gethostname(), socket.getfqdn()} if anywhere else set()
    return Access(frozenset(name.strip("[]").lower() for name in names), anywhere, token)


def _is_unspecified(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_unspecified
    return False


def _url(config: ServeConfig, port: int, token: str | None) -> str:
    host = socket.gethostname() if _is_unspecified(config.host) else config.host
    shown = f"[{host}]" if ":" in host else host
    query = "" if token is None or config.token_file is not None else f"?{urlencode({'token': token})}"
    return f"http://{shown}:{port}{config.path}/{query}"


def _raise_file_limit() -> None:
    """Allow as many open connections as the system permits; many start with 1024 files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
