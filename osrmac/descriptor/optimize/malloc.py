"""Settings of glibc's malloc. With other C libraries, both functions do nothing."""

from __future__ import annotations

import ctypes

__all__ = ["TRIM_INTERVAL", "retain", "trim"]

TRIM_INTERVAL = 16
"""Images after which a worker calls `trim`."""

# Constants of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_GIGABYTE = 1 << 30


def retain() -> None:
    """Keep freed memory in this process, in blocks of up to a gigabyte, until `trim` is called.

    By default, each feature map, of up to 50 MB, is returned to the system when it is freed, and allocated again page
    by page, which takes a tenth of the time of a description. The setting applies to the whole process, so it is for
    processes that do little else. It works in the main thread only: the arenas of other threads have blocks of at most
    64 MB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _GIGABYTE)
        mallopt(_M_TRIM_THRESHOLD, _GIGABYTE)


def trim() -> None:
    """Return freed memory to the system; with maps of varying sizes, glibc would retain twice the memory in use."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
