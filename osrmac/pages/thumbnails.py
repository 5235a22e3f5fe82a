"""Small pictures of images, for pages that hold all they show."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from osrmac.descriptor.images import DecodeError, decode
from osrmac.storage.fetch import Fetcher
from osrmac.storage.file_names import file_url
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Box

__all__ = ["thumbnails"]


def thumbnails(
    run: Run, pictures: Sequence[tuple[str, Box | None]], side: int, *, damaged: bool = False
) -> Iterator[tuple[str, str]]:
    """Thumbnails as data URIs, empty for what cannot be shown, and links to the pictures that lie on this machine.

    Args:
        run: That the images were described for.
        pictures: URI of each, and the part of it to frame.
        side: Longest side of a thumbnail, in pixels.
        damaged: Whether to show what can be seen of damaged files.
    """
    config = run.identity().descriptor
    contents = Fetcher()(uri for uri, _ in pictures)
    for (uri, box), content in zip(pictures, contents, strict=True):
        location = Location.of(uri)
        link = file_url(location.path) if location.is_local else ""
        if isinstance(content, Exception):
            yield "", ""
            continue
        try:
            image, _ = decode(
                content,
                max_pixels=config.max_pixels,
                exif_orientation=config.exif_orientation,
                min_longest_side=side if box is None else None,
                allow_truncated=damaged,
            )
        except DecodeError:
            yield "", link
        else:
            yield _data_uri(image, box, side), link


def _data_uri(image: Image.Image, box: Box | None, side: int) -> str:
    if box is not None:
        ImageDraw.Draw(image).rectangle(box, outline="red", width=max(2, round(max(image.size) / 100)))
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
