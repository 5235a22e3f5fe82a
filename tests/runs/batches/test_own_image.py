"""Results without the image that was searched for, against a search of a collection that lacks it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval.topk import nearest
from osrmac.runs.batches.own_image import BEYOND, without_own
from osrmac.types import Match

NAMES = "abcdefgh"


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(0, 7), st.integers(1, 8))
def test_the_others_are_those_of_a_collection_without_the_image(
    distances: list[int], position: int, number: int
) -> None:
    names = NAMES[: len(distances)]
    own = names[position % len(names)]
    everything = [("", list(names), np.array([distances], np.float32))]
    others = [(name, distance) for name, distance in zip(names, distances, strict=True) if name != own]
    without = [("", [name for name, _ in others], np.array([[distance for _, distance in others]], np.float32))]
    (expected,) = nearest(without, 1, number)
    (found,) = nearest(everything, 1, len(names))
    assert without_own(found, own, number) == expected
    # With no more matches than are needed, unless others at distance 0 precede the image itself.
    nearer = [name for name in names if distances[names.index(name)] < distances[names.index(own)]]
    if not nearer:
        (few,) = nearest(everything, 1, number + BEYOND)
        if any(match.id == own for match in few):
            assert without_own(few, own, number) == expected


def test_re_ranked_matches_are_tied_by_their_scores() -> None:
    matches = [
        Match("q", 1, 0.0, score=0.9, tied=True),
        Match("a", 2, 0.5, score=0.9, tied=True),
        Match("b", 3, 0.5, score=0.8),
    ]
    assert without_own(matches, "q", 2) == [Match("a", 1, 0.5, score=0.9), Match("b", 2, 0.5, score=0.8)]
