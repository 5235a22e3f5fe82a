"""Options of the web application."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from osrmac.config.checks import at_least_one
from osrmac.config.choices import Device, Distance  # noqa: F401 - pdoc needs the types of inherited options
from osrmac.config.refinement import RefinementConfig
from osrmac.config.search import ComparisonConfig
from osrmac.errors import ConfigError

__all__ = ["ServeConfig"]

_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class ServeConfig(RefinementConfig, ComparisonConfig):
    """The web application: its address, who may use it, and how images are compared."""

    host: Annotated[str, "ADDRESS"] = "127.0.0.1"
    """Address to listen at. Any but that of this machine alone asks for a token."""

    port: Annotated[int, "N"] = 8000
    """Port to listen at; 0 chooses a free one."""

    root_path: Annotated[str, "PATH"] | None = None
    """Path at which a reverse proxy offers the pages, such as /search. Asks for a token. (default: /)"""

    allowed_host: Annotated[tuple[str, ...], "NAME"] = ()
    """Further names by which browsers may address the server, such as that of a reverse proxy. Asks for a token.
    (default: that of --host)"""

    token_file: Annotated[str, "FILE"] | None = None
    """File with the token that browsers and programs must give, of at least 16 characters.
    (default: a new one for each start where one is needed)"""

    columns: Annotated[str, "FILE"] | None = None
    """Table of columns to show and to filter by, beside those of the run: a .csv or .parquet file with a column id.
    (default: none)"""

    max_upload: Annotated[int, "BYTES"] = 50_000_000
    """Largest size of an uploaded picture."""

    keep_uploads: Annotated[int, "MINUTES"] = 30
    """Time after its last use at which an uploaded picture is forgotten. It is held in memory only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one(self, "max_upload", "keep_uploads")
        if not 0 <= self.port < 1 << 16:
            raise ConfigError(f"--port must be between 0 and 65535, not {self.port}")
        if self.root_path is not None and (not _PATH.fullmatch(self.root_path) or "//" in self.root_path):
            raise ConfigError(f"--root-path must be a path such as /search, not {self.root_path}")
        for name in self.allowed_host:
            if not _NAME.fullmatch(name) and not _is_address(name.strip("[]")):
                raise ConfigError(f"--allowed-host takes names without ports, such as search.example.org, not {name}")

    @property
    def path(self) -> str:
        """Path below which the pages are, without a slash at its end."""
        return (self.root_path or "").rstrip("/")

    @property
    def needs_token(self) -> bool:
        """Whether others than the users of this machine may reach the server."""
        local = self.host == "localhost" or (_is_address(self.host) and ip_address(self.host).is_loopback)
        return not local or bool(self.root_path or self.allowed_host or self.token_file)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
