"""Thumbnails of images, embedded into pages as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from osrmac.descriptor.images import DecodeError, decode
from osrmac.runs.shard_reader import find_rows
from osrmac.storage import shards
from osrmac.storage.file_names import file_url
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.reading.member_uri import parse
from osrmac.storage.run import Run
from osrmac.types import Box

__all__ = ["NO_THUMBNAIL", "Thumbnail", "picture_link", "thumbnails", "thumbnails_by_id"]


class Thumbnail(NamedTuple):
    """A thumbnail of an image.

    Attributes:
        source: Data URI of the thumbnail; empty if the image cannot be shown.
        link: URL of the image itself if it is on this machine; else empty.
    """

    source: str
    link: str


NO_THUMBNAIL = Thumbnail("", "")


def thumbnails(
    run: Run, images: Sequence[tuple[str, Box | None]], side: int, *, damaged: bool = False
) -> Iterator[Thumbnail]:
    """Yield a thumbnail of each image; one that cannot be read has an empty thumbnail.

    Args:
        run: Run with the options by which the images are read and decoded.
        images: URI of each image, and a box to frame in red, or None.
        side: Longest side of a thumbnail in pixels.
        damaged: Whether to show as much of a damaged file as can be decoded.
    """
    config = run.identity().descriptor
    contents = Fetcher(run.reading())(uri for uri, _ in images)
    for (uri, box), content in zip(images, contents, strict=True):
        if isinstance(content, Exception):
            yield NO_THUMBNAIL
            continue
        link = picture_link(uri)
        try:
            image, size = decode(
                content,
                max_pixels=config.max_pixels,
                exif_orientation=config.exif_orientation,
                min_longest_side=side,
                allow_truncated=damaged,
            )
        except DecodeError:
            yield Thumbnail("", link)
        else:
            image.thumbnail((side, side))
            if box is not None:
                _frame(image, box, size)
            yield Thumbnail(_data_uri(image), link)


def picture_link(uri: str) -> str:
    """Return the link to the file of an image; nothing for a part of a file, or one that is not on this machine."""
    if parse(uri) is not None:
        return ""
    location = Location.of(uri)
    return file_url(location.path) if location.is_local else ""


def thumbnails_by_id(
    run: Run, images: Iterable[tuple[str, Box | None]], side: int, *, damaged: bool = False
) -> dict[tuple[str, Box | None], Thumbnail]:
    """Return thumbnails of images that a run has rows of, by id and box; for the arguments see `thumbnails`."""
    distinct = list(dict.fromkeys(images))
    known = find_rows((image_id for image_id, _ in distinct), shards.paths(run.descriptors))
    present = [(image_id, box) for image_id, box in distinct if image_id in known]
    uris = [(known[image_id]["uri"], box) for image_id, box in present]
    return dict(zip(present, thumbnails(run, uris, side, damaged=damaged), strict=True))


def _frame(thumbnail: Image.Image, box: Box, size: tuple[int, int]) -> None:
    """Draw a box, in pixels of an image of the given size, into its thumbnail."""
    across, down = thumbnail.width / size[0], thumbnail.height / size[1]
    left, top = max(box[0] * across, 0), max(box[1] * down, 0)
    right, bottom = min(box[2] * across, thumbnail.width) - 1, min(box[3] * down, thumbnail.height) - 1
    if left <= right and top <= bottom:
        frame = ImageDraw.Draw(thumbnail)
        frame.rectangle((left, top, right, bottom), outline="red", width=max(2, round(max(thumbnail.size) / 100)))


def _data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
