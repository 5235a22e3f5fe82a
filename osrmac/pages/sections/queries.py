"""The section of the best and worst queries, each as a gallery of its nearest images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osrmac.pages.components import Galleries, Gallery, Mark, Picture, Section
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail
from osrmac.types import Box, Match, QueryResult

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
        "The query image, then the ten images nearest to it; one query of each group that looks for the same thing. "
        "✓ and a green frame: right. ✗ and a red frame: wrong. Dimmed: after the last right one, where nothing is left "
        "to be found. ○ and a dashed frame: not counted (junk)."
    )
    if not blocks:
        return None
    return Section("Best and worst answers", blocks, note, technical="queries by their score")


def _gallery(result: QueryResult, measure: str, thumbnails: _Thumbnails) -> Gallery:
    image = result.image or ""
    last = _last_relevant(result)
    pictures = [Picture(image, "query", thumbnails.get((image, result.box), NO_THUMBNAIL), "query")]
    pictures += [
        Picture(match.id, str(match.rank), thumbnails.get((match.id, None), NO_THUMBNAIL), _mark(match, last))
        for match in result.matches
    ]
    score = f"{measure.removeprefix('m')} {result.values[measure]:.2f}"
    return Gallery(result.query, pictures, f"{_in_words(result)} · {score}")


def _last_relevant(result: QueryResult) -> int | None:
    """Return the rank of the last relevant image if all of them are among the matches."""
    ranks = [match.rank for match in result.matches if match.verdict == "relevant"]
    return ranks[-1] if 0 < result.positives <= len(ranks) else None


def _mark(match: Match, last: int | None) -> Mark:
    if match.verdict == "wrong" and last is not None and match.rank > last:
        return "beyond"
    return match.verdict or ""


def _in_words(result: QueryResult) -> str:
    """Say how many of the images shown are relevant, and how many relevant ones there are."""
    verdicts = [match.verdict for match in result.matches if match.verdict != "junk"]
    right = verdicts.count("relevant")
    if right < result.positives:
        return f"{right or 'none'} of the first {len(verdicts)} right, {result.positives:,} to be found"
    last = len(verdicts) - verdicts[::-1].index("relevant")
    found = "the only right one" if right == 1 else f"all {right} right ones"
    return f"{found} first" if last == right else f"{found} among the first {last}"
