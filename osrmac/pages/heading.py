"""The title of a report, which names the collection, and its subtitle, which says how large it is and where."""

from __future__ import annotations

import datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from osrmac.pages.quantities import format_bytes

__all__ = ["report_subtitle", "report_title"]

_NAMELESS = {"collection", "image", "images", "img", "jpeg", "jpg", "png", "tif", "tiff"}
"""Names of folders that say nothing of what the images show."""

_WILDCARDS = frozenset("*?[")


def report_title(images: str) -> str:
    """Return a name for a collection: the last part of its path or URL that says something.

    >>> report_title("/archive/harbour/jpg"), report_title("s3://museum/prints/*.tif"), report_title("photos.csv")
    ('harbour', 'prints', 'photos.csv')
    """
    url = urlsplit(images) if "://" in images else None
    path = PurePosixPath(url.netloc, url.path.lstrip("/")) if url else PurePosixPath(images)
    parts = [part for part in path.parts if part not in {"/", ".", ".."} and _WILDCARDS.isdisjoint(part)]
    named = [part for part in parts if part.lower() not in _NAMELESS]
    return next(iter((named or parts)[-1:]), images)


def report_subtitle(images: str, described: int, failed: int, file_bytes: int | None, finished: str | None) -> str:
    """Return the size of a collection, when its images were described, and where they are.

    Args:
        images: The collection as the user named it.
        described: Number of described images.
        failed: Number of failed images.
        file_bytes: Size of all files, or None if it is not known.
        finished: Time at which the last extraction finished, in the form of ISO 8601; None if none has.
    """
    total = described + failed
    facts = [f"{total:,} image{'' if total == 1 else 's'}"]
    facts += [] if file_bytes is None else [format_bytes(file_bytes)]
    if finished is not None:
        date = datetime.datetime.fromisoformat(finished)
        facts.append(f"described on {date.day} {date:%B %Y}")
    return " · ".join([*facts, images])
