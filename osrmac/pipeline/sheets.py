"""Contact sheets of what was found, with a thumbnail of each picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from osrmac.descriptor.images import Box, DecodeError, decode_at_least
from osrmac.pipeline.duplicates import Duplicates
from osrmac.pipeline.search import Found
from osrmac.retrieval.sheet import Picture, Section, sheet
from osrmac.storage import files
from osrmac.storage.fetch import Fetcher
from osrmac.storage.run import Run

__all__ = ["duplicates_sheet", "search_sheet"]

_SIDE = 360
"""Longest side of a thumbnail in pixels: twice what it is shown at, for fine screens."""

_GROUPS = 200
"""Groups of duplicates on a sheet, so that a browser can show it."""


def search_sheet(run: str, found: Sequence[Found]) -> str:
    """The page of what queries have found, each query first."""
    place = Run(run)
    pictures = [[(each.uri, each.box), *((match.uri, None) for match in each.matches)] for each in found]
    shown = _thumbnails(place, [picture for of_query in pictures for picture in of_query])
    sections = [Section(each.query, list(_pictures(each, shown)), lead=1) for each in found]
    facts = {"collection": place.record()["images"], "compared by": found[0].system, "distance": found[0].distance}
    return sheet("Search", facts, sections)


def _pictures(found: Found, shown: Iterator[tuple[str, str]]) -> Iterator[Picture]:
    part = "" if found.box is None else f", {' '.join(f'{edge:g}' for edge in found.box)}"
    yield Picture(found.query, f"query{part}", *next(shown))
    for match in found.matches:
        yield Picture(match.id, f"{match.rank} · {match.distance:.3f}", *next(shown))


def duplicates_sheet(run: str, found: Duplicates) -> str:
    """The page of the images that are alike, a section a group."""
    place = Run(run)
    groups = found.groups[:_GROUPS]
    shown = _thumbnails(place, [(image.uri, None) for group in groups for image in group])
    sections = [
        Section(
            f"Group {number}, {len(group)} images",
            [
                Picture(image.id, f"{image.width} x {image.height} · {image.distance:.3f}", *next(shown))
                for image in group
            ],
        )
        for number, group in enumerate(groups, 1)
    ]
    number = len(found.groups)
    facts = {
        "collection": place.record()["images"],
        "groups": str(number) if number <= _GROUPS else f"{number}, of which the first {_GROUPS} are shown",
        "images in them": str(sum(map(len, found.groups))),
        "compared by": found.system,
        "threshold": f"{found.threshold:.4g} ({found.distance}, {found.reason})",
    }
    return sheet("Near duplicates", facts, sections)


def _thumbnails(run: Run, pictures: Sequence[tuple[str, Box | None]]) -> Iterator[tuple[str, str]]:
    """For each picture the thumbnail as a data URI, and a link to the picture itself if it lies on this machine."""
    config = run.identity().descriptor
    contents = Fetcher()(uri for uri, _ in pictures)
    for (uri, box), content in zip(pictures, contents, strict=True):
        link = files.file_url(files.file_system(uri)[1]) if files.is_local(uri) else ""
        if isinstance(content, Exception):
            yield "", ""
            continue
        try:
            longest = _SIDE if box is None else None
            image, _ = decode_at_least(
                longest, content, exif_orientation=config.exif_orientation, max_pixels=config.max_pixels
            )
        except DecodeError:
            yield "", link
        else:
            yield _data_uri(image, box), link


def _data_uri(image: Image.Image, box: Box | None) -> str:
    if box is not None:
        ImageDraw.Draw(image).rectangle(box, outline="red", width=max(2, round(max(image.size) / 100)))
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
