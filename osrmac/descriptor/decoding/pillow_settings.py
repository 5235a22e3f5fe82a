"""Pillow's settings, which belong to the process, limited to one decode.

Pillow reads its pixel limit and its tolerance of truncated files from module globals whenever it needs them. Writing
these around a decode would change them for every other thread. So they are replaced, once, by objects that look up the
value of the running decode, and that have Pillow's own value everywhere else.
"""

from __future__ import annotations

import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from PIL import Image, ImageFile

__all__ = ["pillow_settings"]

_max_pixels: ContextVar[int | None] = ContextVar("max_pixels", default=None)
_allow_truncated: ContextVar[bool | None] = ContextVar("allow_truncated", default=None)
_installing = threading.Lock()
_IGNORE_PILLOW = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
"""The entry that `_install` adds to `warnings.filters`."""


class _PixelLimit(int):
    """`Image.MAX_IMAGE_PIXELS`: the limit of the running decode, or this number outside of one."""

    def _current(self) -> int:
        limit = _max_pixels.get()
        return int(self) if limit is None else limit

    def __rmul__(self, factor: int) -> int:  # Pillow refuses images of more than `2 * MAX_IMAGE_PIXELS` pixels
        return factor * self._current()

    def __lt__(self, pixels: int) -> bool:  # and warns of those with `pixels > MAX_IMAGE_PIXELS`
        return self._current() < pixels


class _TruncatedAllowed:
    """`ImageFile.LOAD_TRUNCATED_IMAGES`: the choice of the running decode, or `otherwise` outside of one."""

    def __init__(self, otherwise: object) -> None:
        self._otherwise = otherwise

    def __bool__(self) -> bool:
        allowed = _allow_truncated.get()
        return bool(self._otherwise) if allowed is None else allowed


@contextmanager
def pillow_settings(max_pixels: int, *, allow_truncated: bool) -> Iterator[None]:
    """Set Pillow's pixel limit and its tolerance of truncated files for this thread within a `with` block.

    Pillow's warnings are ignored in the whole process from the first call on, because Python before 3.14 cannot filter
    warnings per thread: a damaged file must neither fail because of the filters in force nor fill the log.

    Args:
        max_pixels: Pillow refuses images, also those inside of container files, of more than twice as many pixels.
        allow_truncated: Whether to decode truncated and damaged files as far as possible.
    """
    _install()
    limit, truncated = _max_pixels.set(max_pixels), _allow_truncated.set(allow_truncated)
    try:
        yield
    finally:
        _max_pixels.reset(limit)
        _allow_truncated.reset(truncated)


def _install() -> None:
    """Replace Pillow's settings and ignore its warnings, unless that is already the case."""
    with _installing:
        limit: Any = Image.MAX_IMAGE_PIXELS
        if not isinstance(limit, _PixelLimit):
            Image.MAX_IMAGE_PIXELS = _PixelLimit(sys.maxsize if limit is None else limit)
        allowed: Any = ImageFile.LOAD_TRUNCATED_IMAGES
        if not isinstance(allowed, _TruncatedAllowed):
            ImageFile.LOAD_TRUNCATED_IMAGES = _TruncatedAllowed(allowed)  # type: ignore[assignment]
        if warnings.filters[:1] != [_IGNORE_PILLOW]:
            warnings.filterwarnings("ignore", module=r"PIL\.")
