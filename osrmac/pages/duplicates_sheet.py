"""Contact sheet of near-duplicates: one HTML file with pairs side by side, and how they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from osrmac.pages.embedded_images import EmbeddedImage, data_uri, embedded_images, longest_side
from osrmac.pages.quantities import format_bytes
from osrmac.pages.rendering import render
from osrmac.retrieval.picture_difference import AMPLIFICATION, picture_difference
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.storage.run import Run
from osrmac.types import OwnValue

__all__ = ["duplicates_sheet"]

_MAX_PAIRS = 200
"""Largest number of pairs on a sheet that a browser still displays comfortably."""

_DIFFERENCE_SIDE = 480
"""Longest side of the picture of a difference, in pixels."""

_Found = tuple[EmbeddedImage, Image.Image] | None


@dataclass(frozen=True)
class _Shown:
    """An image, or a difference, on the sheet.

    Attributes:
        name: Id of the image.
        image: The image; None if it cannot be shown.
        facts: Its size in pixels and in bytes, and the date of the file, as far as they are known.
        keep: Whether the image is to be kept.
        box: Part to frame; nothing is framed here.
        columns: The user's own columns.
    """

    name: str
    image: EmbeddedImage | None
    facts: tuple[str, ...] = ()
    keep: bool = False
    box: None = None
    columns: Mapping[str, OwnValue] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    """The image of a group to keep, another one, and their difference; `distance` is that of the other one."""

    keep: _Shown
    other: _Shown
    difference: _Shown
    distance: float


@dataclass(frozen=True)
class _Group:
    title: str
    pairs: tuple[_Pair, ...]


def duplicates_sheet(run: str, duplicates: Duplicates) -> str:
    """Return the contact sheet of near-duplicates as an HTML page: in each group, every image beside the one to keep.

    The differences of two images are shown after these have been aligned: see `picture_difference`.
    """
    place = Run(run)
    shown = _first(duplicates.groups)
    uris = [image.uri for group in shown for image in group]
    pairs = len(uris) - len(shown)
    found = embedded_images(place, uris, longest_side(len(uris) + pairs))
    images: list[EmbeddedImage] = []
    groups = [
        _Group(_title(number, group, duplicates), tuple(_pairs(group, found, images)))
        for number, group in enumerate(shown, 1)
    ]
    all_pairs = sum(len(group) - 1 for group in duplicates.groups)
    agreement = "" if duplicates.agreement is None else f", pixels agree by {duplicates.agreement:.2f}"
    facts = {
        "collection": place.record()["images"],
        "groups": str(len(duplicates.groups)),
        "images in groups": str(sum(map(len, duplicates.groups))),
        "pairs": str(all_pairs) if pairs == all_pairs else f"{all_pairs}, {pairs} of them shown",
        "method": duplicates.method,
        "threshold": f"{duplicates.threshold:.4g} ({duplicates.distance}{agreement}, {duplicates.reason})",
    }
    return render(
        "duplicates_sheet.html",
        title="Near-duplicates",
        facts=facts,
        groups=groups,
        images=images,
        other="Other" if duplicates.agreement is None else "Copy",
        amplification=AMPLIFICATION,
    )


def _title(number: int, shown: Sequence[Twin], duplicates: Duplicates) -> str:
    images = len(duplicates.groups[number - 1])
    return f"Group {number}, {images} images" + (f", the first {len(shown)} shown" if len(shown) < images else "")


def _first(groups: Sequence[Sequence[Twin]]) -> list[Sequence[Twin]]:
    """Return the first images of as many groups as possible, equally many of the large ones."""
    groups = groups[:_MAX_PAIRS]
    others = [len(group) - 1 for group in groups]
    most = next(most for most in range(_MAX_PAIRS, 0, -1) if sum(min(most, each) for each in others) <= _MAX_PAIRS)
    return [group[: most + 1] for group in groups]


def _pairs(group: Sequence[Twin], found: Iterator[_Found], images: list[EmbeddedImage]) -> Iterator[_Pair]:
    """Yield the pairs of a group, and add what they show to the images of the page.

    Args:
        group: Images, the one to keep first.
        found: Images as they are read, of this group and those after it.
        images: Images of the page.
    """
    first, *others = group
    kept = next(found)
    images += [kept[0]] if kept else []
    for twin in others:
        other = next(found)
        difference = _difference(kept, other, f"difference-{len(images)}")
        images += [image for image in (other and other[0], difference) if image]
        name = f"Difference of {first.id} and {twin.id}"
        yield _Pair(_shown(first, kept), _shown(twin, other), _Shown(name, difference), twin.distance)


def _shown(twin: Twin, found: _Found) -> _Shown:
    facts = [f"{twin.width} × {twin.height} pixels"]  # noqa: RUF001
    facts += [] if twin.size is None else [format_bytes(twin.size)]
    facts += [] if twin.modified is None else [f"{twin.modified:%Y-%m-%d}"]
    return _Shown(twin.id, found and found[0], tuple(facts), twin.keep, columns=twin.columns)


def _difference(kept: _Found, other: _Found, name: str) -> EmbeddedImage | None:
    """Return a picture of the difference of two images; None if they cannot be read, or do not align."""
    if kept is None or other is None:
        return None
    difference = picture_difference(_grey(kept[1]), _grey(other[1]))
    return (
        None if difference is None else replace(kept[0], id=name, source=data_uri(Image.fromarray(difference)), link="")
    )


def _grey(image: Image.Image) -> np.ndarray:
    small = image.convert("L")
    small.thumbnail((_DIFFERENCE_SIDE, _DIFFERENCE_SIDE))
    return np.asarray(small)
