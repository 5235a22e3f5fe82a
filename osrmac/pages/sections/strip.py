"""The strip of photographs that a report opens with: a sample of its collection."""

from __future__ import annotations

from collections.abc import Mapping

from osrmac.pages.components import Picture, Strip
from osrmac.pages.thumbnails import Thumbnail

__all__ = ["sample_strip"]


def sample_strip(thumbnails: Mapping[str, Thumbnail], described: int) -> Strip | None:
    """Return the strip, or None if no image can be shown.

    Args:
        thumbnails: Thumbnails of the sample by id; those of images that can no longer be read are empty.
        described: Number of images that the sample is of.
    """
    pictures = [Picture(image, "", thumbnail) for image, thumbnail in thumbnails.items() if thumbnail.source]
    if not pictures:
        return None
    if len(pictures) == described:
        note = "All images to search in."
    else:
        note = f"{len(pictures)} of {described:,} images, spread evenly over the collection."
    if missing := len(thumbnails) - len(pictures):
        note += f" {missing} more cannot be read any more."
    return Strip("Images of the collection", pictures, note)
