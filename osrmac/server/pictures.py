"""Pictures for pages: images of the run and uploads, decoded and written again as JPEG files of two sizes.

No file is passed on as it is. So nothing but pixels leaves the server: no position of a camera, no script in an SVG.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from osrmac.descriptor.images import DecodeError, decode
from osrmac.errors import StorageError, reason
from osrmac.server.cache import Cache
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.reading.member_uri import enclosing_file
from osrmac.storage.run import Run

__all__ = ["SIDES", "PictureError", "Pictures", "Size"]

Size = Literal["small", "large"]

SIDES: dict[str, int] = {"small": 400, "large": 1800}
"""Longest side of a picture in pixels: twice that at which it is shown, for high-density screens."""

_ATTEMPTS, _SECONDS = 2, 20.0
"""Attempts to read a file, and time limit of each in seconds: somebody waits for it."""

_QUALITY = 82
_CACHE = 128_000_000
"""Bytes of pictures that are held, those used last."""


class PictureError(Exception):
    """A picture cannot be shown; the message is the reason, on one line."""


class Pictures:
    """Reads and decodes pictures; may be used by several threads.

    Args:
        run: Run with the options by which its images are read and decoded.
    """

    def __init__(self, run: Run) -> None:
        self._descriptor = run.identity().descriptor
        reading = replace(run.reading(), attempts=_ATTEMPTS, fetch_timeout=_SECONDS)
        self._fetch = Fetcher(reading, concurrent=1, leave_host=False)
        self._folder = _folder(run.record()["images"])
        self._cache = Cache[bytes](_CACHE, len)

    def read(self, uri: str) -> bytes:
        """Read the file of an image of the run.

        Raises:
            PictureError: The file cannot be read, or a symbolic link leads out of the collection.
        """
        location = Location.of(enclosing_file(uri))
        if location.is_local:
            self._require_inside(location.path)
        (content,) = self._fetch([uri])
        if isinstance(content, Exception):
            raise PictureError(f"the file cannot be read: {reason(content)}") from content
        return content

    def _require_inside(self, path: str) -> None:
        """Refuse a file out of the collection; that of a list of files is the folder of each."""
        root = Path(os.path.realpath(self._folder or Path(path).parent))
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise PictureError("the file is a symbolic link out of the collection")

    def of_image(self, uri: str, size: Size, version: str) -> bytes:
        """Return the JPEG file of an image of the run in a version, from which on its file may be another one.

        Raises:
            PictureError: The image cannot be read or decoded.
        """
        return self._cache.get((uri, size, version), lambda: self.of_content(self.read(uri), size))

    def of_content(self, content: bytes, size: Size) -> bytes:
        """Return the JPEG file of any picture.

        Raises:
            PictureError: The picture cannot be decoded.
        """
        side = SIDES[size]
        try:
            image, _ = decode(
                content,
                max_pixels=self._descriptor.max_pixels,
                exif_orientation=self._descriptor.exif_orientation,
                min_longest_side=side,
                allow_truncated=True,
            )
        except DecodeError as error:
            raise PictureError(f"the picture cannot be decoded: {error}") from error
        image.thumbnail((side, side))
        image.info.clear()  # a comment would be written
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY)
        return file.getvalue()

    def size_of(self, content: bytes) -> tuple[int, int]:
        """Return width and height of a picture, upright, in pixels.

        Raises:
            PictureError: The picture cannot be decoded.
        """
        try:
            return decode(
                content,
                max_pixels=self._descriptor.max_pixels,
                exif_orientation=self._descriptor.exif_orientation,
                min_longest_side=SIDES["small"],
            ).size
        except DecodeError as error:
            raise PictureError(f"the picture cannot be decoded: {error}") from error


def _folder(images: str) -> str | None:
    """Return the folder of a collection on this machine; None for a glob, a list, or another storage."""
    try:
        location = Location.of(images)
    except StorageError:
        return None
    return location.path if location.is_local and Path(location.path).is_dir() else None
