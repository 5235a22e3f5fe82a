"""Images embedded into a page, each once, however often it is shown."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from PIL import Image

from osrmac.config import DescriptorConfig
from osrmac.descriptor.images import DecodedImage, DecodeError, decode
from osrmac.pages.thumbnails import picture_link
from osrmac.prefetch import prefetch
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.run import Run

__all__ = ["EmbeddedImage", "data_uri", "embedded_images", "longest_side"]

_THREADS = 4
"""Images decoded at once."""

_SMALLEST, _LARGEST = 360, 1280
"""Longest side in pixels: twice the size of a thumbnail, for high-density screens, and that of a screen."""

_PIXELS = 34_000_000
"""Pixels of all images of a page, about 8 MB of JPEG as text, which can be sent by mail."""

_QUALITY = 75


@dataclass(frozen=True)
class EmbeddedImage:
    """An image in a page.

    Attributes:
        id: Id of the image in the page; equal images have the same one.
        source: Data URI of the image, reduced.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        link: URL of the image itself if it is on this machine; else empty.
    """

    id: str
    source: str
    width: int
    height: int
    link: str


def longest_side(images: int) -> int:
    """Return the longest side, in pixels, at which so many images can be sent by mail."""
    side = math.sqrt(_PIXELS / (0.75 * max(1, images)))
    return round(min(max(side, _SMALLEST), _LARGEST))


def embedded_images(run: Run, uris: Sequence[str], side: int) -> Iterator[tuple[EmbeddedImage, Image.Image] | None]:
    """Yield images, reduced, and as they are embedded; None for each that cannot be read.

    Args:
        run: Run with the options by which the images are read and decoded.
        uris: Location of each image.
        side: Longest side in pixels.
    """
    decoded = partial(_decoded, config=run.identity().descriptor, side=side)
    found = prefetch(decoded, Fetcher(run.reading())(uris), threads=_THREADS, depth=_THREADS)
    ids: dict[str, str] = {}
    for uri, image in zip(uris, found, strict=True):
        if image is None:
            yield None
        else:
            source = data_uri(image.image)
            name = ids.setdefault(source, f"image-{len(ids)}")
            yield EmbeddedImage(name, source, *image.size, picture_link(uri)), image.image


def _decoded(content: bytes | Exception, config: DescriptorConfig, side: int) -> DecodedImage | None:
    if isinstance(content, Exception):
        return None
    try:
        image, size = decode(
            content, max_pixels=config.max_pixels, exif_orientation=config.exif_orientation, min_longest_side=side
        )
    except DecodeError:
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return DecodedImage(image, size)


def data_uri(image: Image.Image) -> str:
    """Return an image as a JPEG in a data URI."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
