"""Contact sheets of search results and of near-duplicates: one HTML file each, with a thumbnail of each image."""

from __future__ import annotations

from collections.abc import Iterator

from osrmac.pages.components import Gallery, Picture, contact_sheet_page
from osrmac.pages.thumbnails import Thumbnail, thumbnails
from osrmac.runs.near_duplicates.groups import Duplicates
from osrmac.runs.queries import SearchResult
from osrmac.storage.run import Run
from osrmac.types import Box, QueryResult

__all__ = ["duplicates_sheet", "search_sheet"]

_SIDE = 360
"""Longest side of a thumbnail in pixels: twice the size at which it is shown, for high-density screens."""

_MAX_GROUPS = 200
"""Largest number of groups on a sheet that a browser still displays comfortably."""


def search_sheet(run: str, result: SearchResult) -> str:
    """Return the contact sheet of a search: a gallery for each query, the query image first."""
    place = Run(run)
    images = [
        image
        for query in result.queries
        for image in [(query.uri or "", query.box), *((match.uri or "", match.box) for match in query.matches)]
    ]
    shown = thumbnails(place, images, _SIDE)
    galleries = [Gallery(query.query, list(_pictures(query, shown))) for query in result.queries]
    facts = {
        "collection": place.record()["images"],
        "method": result.method,
        "distance": result.distance,
        **result.conditions,
    }
    return contact_sheet_page("Search", facts, galleries)


def _pictures(result: QueryResult, shown: Iterator[Thumbnail]) -> Iterator[Picture]:
    yield Picture(result.query, ", ".join(["query", *_in_words(result.box)]), next(shown), "query")
    for match in result.matches:
        note = [str(match.rank), f"{match.distance:.3f}"]
        note += [] if match.score is None else [f"score {match.score:.3f}"]
        note += [*(["tied"] if match.tied else []), *_in_words(match.box)]
        yield Picture(match.id, " · ".join(note), next(shown))


def _in_words(box: Box | None) -> list[str]:
    """Return the edges of a box, for those who cannot see its frame in the thumbnail."""
    return [] if box is None else [f"box {' '.join(f'{edge:g}' for edge in box)}"]


def duplicates_sheet(run: str, duplicates: Duplicates) -> str:
    """Return the contact sheet of near-duplicates: a gallery for each group."""
    place = Run(run)
    groups = duplicates.groups[:_MAX_GROUPS]
    shown = thumbnails(place, [(image.uri, None) for group in groups for image in group], _SIDE)
    galleries = [
        Gallery(
            f"Group {number}, {len(group)} images",
            [
                Picture(
                    image.id,
                    f"{'keep · ' if image.keep else ''}{image.width} x {image.height} · {image.distance:.3f}",
                    next(shown),
                )
                for image in group
            ],
        )
        for number, group in enumerate(groups, 1)
    ]
    number = len(duplicates.groups)
    agreement = "" if duplicates.agreement is None else f", pixels agree by {duplicates.agreement:.2f}"
    facts = {
        "collection": place.record()["images"],
        "groups": str(number) if number <= _MAX_GROUPS else f"{number}, the first {_MAX_GROUPS} of them shown",
        "images in groups": str(sum(map(len, duplicates.groups))),
        "method": duplicates.method,
        "threshold": f"{duplicates.threshold:.4g} ({duplicates.distance}{agreement}, {duplicates.reason})",
    }
    return contact_sheet_page("Near-duplicates", facts, galleries)
