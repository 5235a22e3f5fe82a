"""Retry policy for transient errors, and its application to S3 requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsspec.spec import AbstractFileSystem

from osrmac.errors import OsrmacError

__all__ = ["configure", "is_transient", "options", "status"]

_PERMANENT = (
    *(FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError, ImportError),
    OsrmacError,  # for example an unknown protocol
)
_TRANSIENT_STATUSES = (408, 409, 425, 429)
_NOT_IMPLEMENTED = 501
_MISSING_SETTINGS = ("NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ProfileNotFound")

_S3 = ("s3://", "s3a://")
_S3_ATTEMPTS = 8
"""Attempts at each S3 request; the waits between them add up to about ten seconds."""


def is_transient(error: BaseException) -> bool:
    """Return whether a repeated request may succeed: after a timeout or a busy server, not for a missing file."""
    code = status(error)
    if code is not None:
        return code in _TRANSIENT_STATUSES or (code >= 500 and code != _NOT_IMPLEMENTED)
    return (
        isinstance(error, Exception)
        and not isinstance(error, _PERMANENT)
        and type(error).__name__ not in _MISSING_SETTINGS
    )


def status(error: BaseException) -> int | None:
    """Return the HTTP status that an exception of aiohttp or botocore carries, if any."""
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, Mapping) else {}
    code = getattr(error, "status", None) or metadata.get("HTTPStatusCode")
    return code if isinstance(code, int) else None


def options(url: str, *, retries: bool) -> dict[str, Any]:
    """Return the options that fsspec opens a URL with; file systems with and without retries are distinct instances."""
    if not url.startswith(_S3):
        return {}
    # The retries of botocore would multiply with those configured below.
    config: dict[str, Any] = {"retries": {"total_max_attempts": 1}}
    return {
        "config_kwargs": config | ({} if retries else {"max_pool_connections": 100}),
        # Read an object with one request: s3fs does not repeat one of several that was cut off.
        "max_concurrency": 1,
        # Other processes write to the same bucket.
        "use_listings_cache": False,
    }


def configure(fs: AbstractFileSystem, url: str, *, retries: bool) -> None:
    """Set how often an S3 file system attempts each request: reads, listings, writes and parts of uploads."""
    if url.startswith(_S3):
        from s3fs.core import set_custom_error_handler  # noqa: PLC0415  # not needed without buckets

        set_custom_error_handler(_is_transient_response)
        fs.retries = _S3_ATTEMPTS if retries else 1


def _is_transient_response(error: BaseException) -> bool:
    """Retry what botocore raises, not the `OSError` that s3fs makes of it: a second loop around reads sees that one."""
    return not isinstance(error, OSError) and is_transient(error)
