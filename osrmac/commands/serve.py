"""Serve a run to browsers."""

from __future__ import annotations

from collections.abc import Callable

from osrmac.config import ServeConfig
from osrmac.errors import ConfigError

__all__ = ["serve"]

_EXTRA = ("multipart", "python_multipart", "starlette", "uvicorn")
"""Modules of the extra `serve`."""


def serve(run: str, options: ServeConfig, ready: Callable[[str], None]) -> None:
    """Serve a run until the process is interrupted.

    Args:
        run: Run with descriptors.
        options: Address, access, and how images are compared.
        ready: Called with the address of the first page as soon as it can be opened.

    Raises:
        ConfigError: The web application is not installed, or see `osrmac.server.start.serve`.
        OsrmacError: The run cannot be opened.
    """
    try:
        from osrmac.server import start
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise ConfigError("the web application is not installed: pip install 'osrmac[serve]'") from error
    start.serve(run, options, ready)
