"""Check and prepare what Ray needs to start on this machine, because its own errors name neither cause nor remedy."""

from __future__ import annotations

import os
import resource
import secrets
import tempfile
from pathlib import Path

from ray._common.utils import get_default_ray_temp_dir

from osrmac.errors import ConfigError

__all__ = ["prepare_start"]

_SOCKET = "session_2026-01-01_00-00-00_000000_{pid}/sockets/plasma_store"
_SOCKET_BYTES = 107
"""Longest path of a socket on Linux."""

_ROOM = 4 * 2**20
"""Bytes that Ray's logs and sockets need at least."""

_FILES, _FILES_PER_CPU, _FILES_ON_ANY_MACHINE = 256, 16, 1024
"""Open files that Ray needs, and a number that is enough to try."""


def prepare_start() -> None:
    """Check the folder of Ray's sockets and logs and the limit of open files, and provide a token.

    Raises:
        ConfigError: The folder's path is too long, it cannot be written or is full, or the limit is too low.
    """
    _check_folder(get_default_ray_temp_dir())  # type: ignore[no-untyped-call]
    _check_open_files()
    _provide_token()


def _check_folder(folder: str) -> None:
    longest = len(os.fsencode(Path(folder, _SOCKET.format(pid=os.getpid()))))
    if longest > _SOCKET_BYTES:
        raise ConfigError(
            f"the path {folder} is {longest - _SOCKET_BYTES} bytes too long for Ray's sockets: set RAY_TMPDIR to a "
            "folder with a shorter path, for example RAY_TMPDIR=/tmp"
        )
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM))
    except OSError as error:
        raise ConfigError(
            f"cannot write {_ROOM >> 20} MB to {folder}, the folder of Ray's sockets and logs ({error.strerror}): make "
            "room or grant write permission, or set RAY_TMPDIR to another folder"
        ) from error


def _check_open_files() -> None:
    """Check the hard limit; Ray itself raises the soft limit to it."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = min(_FILES + _FILES_PER_CPU * (os.cpu_count() or 1), _FILES_ON_ANY_MACHINE)
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise ConfigError(
            f"this process may open {limit} files at once, and Ray needs {needed} on this machine: raise the limit "
            "with ulimit -Hn 8192, or in the settings of the shell, container or service that starts osrmac"
        )


def _provide_token() -> None:
    """Give Ray a token to authenticate its processes if it could not store one of its own in the home directory."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home() raises where there is none
    token = home / ".ray" / "auth_token"
    if not token.exists() and not _can_create(token.parent):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _can_create(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
