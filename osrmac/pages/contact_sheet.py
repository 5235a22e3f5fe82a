"""Contact sheet of a search: one HTML file with each query, its results, and how near they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from osrmac.pages.embedded_images import EmbeddedImage, embedded_images, longest_side
from osrmac.pages.rendering import render
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.scene_cut import PRECISION, scene_cut
from osrmac.runs.queries import SearchResult
from osrmac.storage.run import Run
from osrmac.types import Box, Match, OwnValue, QueryResult

__all__ = ["search_sheet"]

_LIKELY, _SIMILAR = "Likely the same", "Similar"


@dataclass(frozen=True)
class _Shown:
    """An image on the sheet.

    Attributes:
        name: Id, path or URL of the image.
        image: The image; None if it cannot be shown.
        box: Part of the image to frame, in pixels.
        notes: Remarks on it.
        rank: Rank in the result; None for a query.
        distance: Distance to the query.
        length: Length of the distance's bar, 0 to 100.
        columns: The user's own columns.
    """

    name: str
    image: EmbeddedImage | None
    box: Box | None
    notes: tuple[str, ...]
    rank: int | None = None
    distance: float = 0
    length: float = 0
    columns: Mapping[str, OwnValue] = field(default_factory=dict)


@dataclass(frozen=True)
class _Band:
    """Consecutive results of a query, under a heading where there is a cut."""

    title: str
    results: tuple[_Shown, ...]


@dataclass(frozen=True)
class _Answer:
    """A query and its results."""

    query: _Shown
    bands: tuple[_Band, ...]


def search_sheet(run: str, result: SearchResult) -> str:
    """Return the contact sheet of a search as an HTML page: each query, and its results in order of distance.

    An image of the run that finds itself is shown only as the query. Distances are divided at that up to which two
    images likely show the same scene, where the run tells it: see `scene_cut`.
    """
    place = Run(run)
    images = _images(place, result)
    cut = _cut(place, result)
    longest = max([cut or 0, *(match.distance for query in result.queries for match in _matches(query))]) or 1
    answers = [_answer(query, images, cut, longest) for query in result.queries]
    facts = {
        "collection": place.record()["images"],
        "method": result.method,
        "distance": result.distance,
        "searched": result.searched,
        **result.conditions,
    }
    return render(
        "contact_sheet.html",
        title="Search",
        facts=facts,
        answers=answers,
        images=[image for image in images.values() if image is not None],
        cut=cut,
        cut_length=None if cut is None else 100 * cut / longest,
        precision=f"{PRECISION:.0%}",
    )


def _cut(run: Run, result: SearchResult) -> float | None:
    """Return the cut, unless other distances were compared than those between the vectors of two whole images."""
    if result.conditions or any(query.box is not None for query in result.queries):
        return None
    return scene_cut(run, choose_method(run, result.method, regions=True), result.distance)


def _images(run: Run, result: SearchResult) -> Mapping[str, EmbeddedImage | None]:
    """Return all images by location, None for those that cannot be read."""
    uris = list(
        dict.fromkeys(
            uri or "" for query in result.queries for uri in (query.uri, *(match.uri for match in _matches(query)))
        )
    )
    found = embedded_images(run, uris, longest_side(len(uris)))
    return {uri: image and image[0] for uri, image in zip(uris, found, strict=True)}


def _is_itself(query: QueryResult, match: Match) -> bool:
    return (match.id, match.uri) == (query.query, query.uri)


def _matches(query: QueryResult) -> Iterator[Match]:
    """Yield the results that are shown."""
    return (match for match in query.matches if not _is_itself(query, match))


def _answer(
    query: QueryResult, images: Mapping[str, EmbeddedImage | None], cut: float | None, longest: float
) -> _Answer:
    itself = [f"finds itself as result {match.rank}" for match in query.matches if _is_itself(query, match)]
    shown = _Shown(query.query, images[query.uri or ""], query.box, (*_in_words(query.box), *itself))
    results = [
        _Shown(
            match.id,
            images[match.uri or ""],
            match.box,
            tuple(_notes(match)),
            match.rank,
            match.distance,
            100 * match.distance / longest,
            match.columns,
        )
        for match in _matches(query)
    ]
    return _Answer(shown, tuple(_bands(results, cut)))


def _bands(results: list[_Shown], cut: float | None) -> Iterator[_Band]:
    if cut is None:
        yield from [_Band("", tuple(results))] if results else []
        return
    for near, band in groupby(results, key=lambda shown: shown.distance <= cut):
        yield _Band(_LIKELY if near else _SIMILAR, tuple(band))


def _notes(match: Match) -> Iterator[str]:
    if match.score is not None:
        yield f"score {match.score:.3f}"
    if match.tied:
        yield "tied"
    yield from _in_words(match.box)


def _in_words(box: Box | None) -> list[str]:
    """Return the edges of a box, for those who cannot see its frame in the image."""
    return [] if box is None else [f"box {' '.join(f'{edge:g}' for edge in box)}"]
