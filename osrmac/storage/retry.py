"""What may pass is tried again: the one rule, and S3 requests under it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsspec.spec import AbstractFileSystem

from osrmac.errors import OsrmacError

__all__ = ["is_transient", "options", "retry_requests", "status"]

_FINAL = (
    *(FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError, ImportError),
    OsrmacError,  # as of a protocol that nobody knows
)
_BUSY_STATUSES = (408, 409, 425, 429)
_NOT_IMPLEMENTED = 501
_LACKING = ("NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ProfileNotFound")

_S3 = ("s3://", "s3a://")
_S3_TRIES = 8
"""Of each request, with waits of ten seconds in all."""


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help: with a busy or broken connection it can, with a missing or forbidden file not."""
    answered = status(error)
    if answered is not None:
        return answered in _BUSY_STATUSES or (answered >= 500 and answered != _NOT_IMPLEMENTED)
    return isinstance(error, Exception) and not isinstance(error, _FINAL) and type(error).__name__ not in _LACKING


def status(error: BaseException) -> int | None:
    """Of the answer, as clients of HTTP and of S3 tell it."""
    response = getattr(error, "response", None)
    answer = response.get("ResponseMetadata", {}) if isinstance(response, Mapping) else {}
    found = getattr(error, "status", None) or answer.get("HTTPStatusCode")
    return found if isinstance(found, int) else None


def options(url: str, once: bool) -> dict[str, Any]:
    """How the file system of a URL is opened; one that tries everything once is another than one that does not."""
    if not url.startswith(_S3):
        return {}
    # The tries of botocore would multiply with those here.
    config: dict[str, Any] = {"retries": {"total_max_attempts": 1}}
    return {
        "config_kwargs": config | ({"max_pool_connections": 100} if once else {}),
        # An object is read by one request: of several, s3fs does not repeat the one that was cut off.
        "max_concurrency": 1,
        # Other processes write to the same bucket.
        "use_listings_cache": False,
    }


def retry_requests(fs: AbstractFileSystem, url: str, once: bool) -> None:
    """Have S3 try each request again where that can help, be it a read, a listing, a write or a part of one."""
    if url.startswith(_S3):
        from s3fs.core import set_custom_error_handler  # noqa: PLC0415  # not needed without buckets

        set_custom_error_handler(_first_seen_and_may_pass)
        fs.retries = 1 if once else _S3_TRIES


def _first_seen_and_may_pass(error: BaseException) -> bool:
    """Around a read s3fs has a second loop, where an answer that the first one has given up on is an `OSError`."""
    return not isinstance(error, OSError) and is_transient(error)
