"""Contact sheets of what was found, with a thumbnail of each picture."""

from __future__ import annotations

from collections.abc import Iterator

from osrmac.pages.contact_sheet import Picture, Section, sheet
from osrmac.pages.thumbnails import thumbnails
from osrmac.runs.near_duplicates import Duplicates
from osrmac.runs.query_results import SearchResult
from osrmac.storage.run import Run
from osrmac.types import QueryResult

__all__ = ["duplicates_sheet", "search_sheet"]

_SIDE = 360
"""Longest side of a thumbnail in pixels: twice what it is shown at, for fine screens."""

_GROUPS = 200
"""Groups of duplicates on a sheet, so that a browser can show it."""


def search_sheet(run: str, found: SearchResult) -> str:
    """The page of what queries have found, each query first."""
    place = Run(run)
    pictures = [
        [(each.uri or "", each.box), *((match.uri or "", None) for match in each.matches)] for each in found.queries
    ]
    shown = thumbnails(place, [picture for of_query in pictures for picture in of_query], _SIDE)
    sections = [Section(each.query, list(_pictures(each, shown))) for each in found.queries]
    facts = {"collection": place.record()["images"], "compared by": found.method, "distance": found.distance}
    return sheet("Search", facts, sections)


def _pictures(found: QueryResult, shown: Iterator[tuple[str, str]]) -> Iterator[Picture]:
    part = "" if found.box is None else f", {' '.join(f'{edge:g}' for edge in found.box)}"
    yield Picture(found.query, f"query{part}", *next(shown), mark="query")
    for match in found.matches:
        yield Picture(match.id, f"{match.rank} · {match.distance:.3f}", *next(shown))


def duplicates_sheet(run: str, found: Duplicates) -> str:
    """The page of the images that are alike, a section a group."""
    place = Run(run)
    groups = found.groups[:_GROUPS]
    shown = thumbnails(place, [(image.uri, None) for group in groups for image in group], _SIDE)
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
        "compared by": found.method,
        "threshold": f"{found.threshold:.4g} ({found.distance}, {found.reason})",
    }
    return sheet("Near duplicates", facts, sections)
