"""The section of the best and worst queries, each as a gallery of its nearest images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osrmac.pages.components import Galleries, Gallery, Picture, Section
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail
from osrmac.types import Box, QueryResult

__all__ = ["QueryExtremes", "queries_section"]

_Thumbnails = Mapping[tuple[str, Box | None], Thumbnail]


@dataclass(frozen=True)
class QueryExtremes:
    """The best and worst queries of one method under one benchmark.

    Attributes:
        title: Benchmark, method and query mode.
        measure: Measure that the queries are ranked by.
        best: Results of the best queries, the best first.
        worst: Results of the worst queries, the worst first.
    """

    title: str
    measure: str
    best: Sequence[QueryResult]
    worst: Sequence[QueryResult]

    @property
    def images(self) -> list[tuple[str, Box | None]]:
        """Id and box of every image to show."""
        results = [*self.best, *self.worst]
        queries = [(result.image, result.box) for result in results if result.image is not None]
        return [*queries, *((match.id, None) for result in results for match in result.matches)]


def queries_section(extremes: Sequence[QueryExtremes], thumbnails: _Thumbnails) -> Section | None:
    """Return the section, or None if there are no queries.

    Args:
        extremes: The best and worst queries of each evaluation.
        thumbnails: Thumbnails by id and box; an image that is not among them gets a placeholder.
    """
    blocks = [
        Galleries(f"{which}: {each.title}", [_gallery(result, each.measure, thumbnails) for result in results])
        for each in extremes
        for which, results in (("Best", each.best), ("Worst", each.worst))
        if results
    ]
    note = (
        "The query image, then the ten images nearest to it. ✓ and a green frame: relevant. ✗ and a red frame: not "
        "relevant. ○ and a dashed frame: junk, which is not counted."
    )
    return Section("Best and worst queries", blocks, note) if blocks else None


def _gallery(result: QueryResult, measure: str, thumbnails: _Thumbnails) -> Gallery:
    image = result.image or ""
    pictures = [Picture(image, "query", thumbnails.get((image, result.box), NO_THUMBNAIL), "query")]
    pictures += [
        Picture(match.id, str(match.rank), thumbnails.get((match.id, None), NO_THUMBNAIL), match.verdict or "")
        for match in result.matches
    ]
    images = "image" if result.positives == 1 else "images"
    note = f"{measure.removeprefix('m')} {result.values[measure]:.2f} · {result.positives} relevant {images}"
    return Gallery(result.query, pictures, note)
