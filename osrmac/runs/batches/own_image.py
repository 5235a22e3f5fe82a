"""Results of images that are searched for in their own collection, without the images themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from osrmac.types import Match

__all__ = ["BEYOND", "without_own"]

BEYOND = 2
"""Number of matches to find beyond those that are wanted: the image itself, and one that may be tied with the last."""


def without_own(matches: Sequence[Match], own: str, number: int) -> list[Match]:
    """Return the first matches of an image without the image itself, which ties none of the others.

    Args:
        matches: Its matches, `BEYOND` more than are wanted.
        own: Its id.
        number: Number of matches to return.
    """
    others = [match for match in matches if match.id != own]
    tied_with_own = {_place(match) for match in matches if match.id == own}
    shared = Counter(map(_place, others))
    return [
        replace(match, rank=rank, tied=shared[_place(match)] > 1 if _place(match) in tied_with_own else match.tied)
        for rank, match in enumerate(others[:number], 1)
    ]


def _place(match: Match) -> tuple[float | None, float]:
    """Return what two matches share that are tied: the score, or else the distance."""
    return match.score, match.distance if match.score is None else 0.0
