"""What glibc does with freed memory. Elsewhere, both functions do nothing."""

from __future__ import annotations

import ctypes

__all__ = ["KEPT_FOR", "give_back", "keep"]

KEPT_FOR = 16
"""Images after which a describing process gives back what it has freed."""

# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_GIGABYTE = 1 << 30


def keep() -> None:
    """Let this process keep what it frees, up to blocks of a gigabyte, until `give_back`.

    The maps of an image, of up to 50 MB each, would go back to the system one by one, and each be had anew, page by
    page, which takes a tenth of the time. For processes that describe: it concerns all of their memory. Only the main
    thread has room for blocks of more than 64 MB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _GIGABYTE)
        mallopt(_M_TRIM_THRESHOLD, _GIGABYTE)


def give_back() -> None:
    """Return freed memory to the system: between maps of ever other sizes glibc would keep twice what is in use."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
