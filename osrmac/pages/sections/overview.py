"""The section of the overview: a montage of the largest groups, and the images unlike all others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from osrmac.pages.components import Block, Galleries, Gallery, Group, Montage, Picture, Section
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail
from osrmac.runs.overview.stored import Outlier, Overview
from osrmac.types import Box

__all__ = ["overview_images", "overview_section"]

_Thumbnails = Mapping[tuple[str, Box | None], Thumbnail]

_GROUPS = 18
"""Number of groups in the montage."""

_PICTURES = 5
"""Number of pictures of a group."""

_OUTLIERS = 10
"""Number of outliers; at most a tenth of the images."""


def overview_images(overview: Overview | None) -> list[tuple[str, Box | None]]:
    """Return the images that the section shows, all of them whole, as `thumbnails_by_id` takes them."""
    if overview is None:
        return []
    grouped = [image for group in overview.groups[:_GROUPS] for image in group[:_PICTURES]]
    return [(image, None) for image in (*grouped, *(outlier.id for outlier in _outliers(overview)))]


def overview_section(overview: Overview | None, thumbnails: _Thumbnails) -> Section | None:
    """Return the section, or None without an overview, or if there are neither groups nor outliers.

    Args:
        overview: Overview of the collection, if one has been made.
        thumbnails: Thumbnails by id and box; an image that is not among them gets a placeholder.
    """
    if overview is None:
        return None
    blocks = [*_montage(overview, thumbnails), *_isolated(overview, thumbnails)]
    return Section("Overview", blocks, _note(overview)) if blocks else None


def _note(overview: Overview) -> str:
    facts, grouped = overview.facts, sum(map(len, overview.groups))
    lines = [
        f"{grouped:,} of {facts.images:,} images belong to {len(overview.groups):,} groups, each of an object or scene "
        f"(average linkage of {facts.method} vectors, {facts.distance} up to {facts.threshold:.4g})."
    ]
    if facts.sampled < facts.images:
        lines.append(f"They were found among {facts.sampled:,} images, and the others were added to these.")
    if overview.stale is not None:
        lines.append(f"The overview is out of date: {overview.stale}.")
    return " ".join(lines)


def _montage(overview: Overview, thumbnails: _Thumbnails) -> list[Block]:
    if not overview.groups:
        return []
    shown = overview.groups[:_GROUPS]
    groups = [Group(f"{len(group):,} images", _pictures(group, thumbnails), group) for group in shown]
    title = f"The {len(shown)} largest groups" if len(shown) < len(overview.groups) else "Groups"
    note = "Each with the images that are most typical of it, the most typical first. A click shows the names."
    return [Montage(title, groups, note)]


def _pictures(group: Sequence[str], thumbnails: _Thumbnails) -> list[Picture]:
    return [Picture(image, "", thumbnails.get((image, None), NO_THUMBNAIL)) for image in group[:_PICTURES]]


def _isolated(overview: Overview, thumbnails: _Thumbnails) -> list[Block]:
    usual = overview.usual_isolation
    pictures = [
        Picture(image, f"{isolation / usual:.2f} \u00d7", thumbnails.get((image, None), NO_THUMBNAIL))
        for image, isolation in _outliers(overview)
    ]
    note = (
        "Images that belong to no group and are farthest from the rest (outliers), as a multiple of the usual distance "
        "to the tenth-nearest image."
    )
    return [Galleries("Images unlike all others", [Gallery("", pictures)], note)] if pictures else []


def _outliers(overview: Overview) -> Sequence[Outlier]:
    """Return the outliers to show; none where all images are equal."""
    number = min(_OUTLIERS, math.ceil(overview.facts.images / 10))
    return overview.outliers[:number] if overview.usual_isolation else ()
