"""Measures of tied rankings, against the mean over all their orders."""

from collections.abc import Callable, Iterable
from itertools import combinations, pairwise, permutations, product
from math import comb, fsum
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.evaluation.metrics import (
    average_precision,
    average_precision_at,
    n_s_score,
    precision_at,
    without_junk,
)
from osrmac.evaluation.ties import Tie, group
from osrmac.types import Rank

POSITIVES = 6
"""Number of relevant images that exist, not all of which are retrieved."""

MEASURES: dict[str, Callable[[Iterable[Tie]], float]] = {
    "AP": lambda ties: average_precision(ties, POSITIVES),
    **{f"P@{k}": lambda ties, k=k: precision_at(ties, k) for k in (1, 2, 3, 5, 10)},  # type: ignore[misc]
    "AP@all": lambda ties: average_precision_at(ties, POSITIVES),
    **{f"AP@{k}": lambda ties, k=k: average_precision_at(ties, POSITIVES, k) for k in (1, 2, 4, 7)},  # type: ignore[misc]
    "N-S": n_s_score,
}
every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


def by_distance(levels: Iterable[str]) -> list[Tie]:
    """Ties of a ranking with one string for each distance: `+` relevant, `-` not relevant, `j` junk."""
    ranks: dict[str, list[Rank]] = {"+": [], "-": [], "j": []}
    nearer = 0
    for level in levels:
        for position, kind in enumerate(level, nearer):
            ranks[kind].append(Rank(position, nearer, len(level)))
        nearer += len(level)
    return group(ranks["+"], ranks["j"])


def in_every_order(levels: Iterable[str]) -> list[list[Tie]]:
    """The ranking in every order of its ties, as rankings without ties."""
    orders = product(*(set(permutations(level)) for level in levels))
    return [by_distance([kind for level in order for kind in level]) for order in orders]


ALL_LEVELS = ["+", "-", "j", "+-", "++-", "+--", "+j-", "jj+", "++--", "+j--"]
"""Images at one distance."""


@every_measure
def test_a_measure_is_the_mean_over_all_orders(measure: Callable[[Iterable[Tie]], float]) -> None:
    for levels in product(ALL_LEVELS, ALL_LEVELS, ["", "+---", "++j-"]):
        expected = fmean(map(measure, in_every_order(levels)))
        assert measure(by_distance(levels)) == pytest.approx(expected, rel=0, abs=1e-12), levels


@st.composite
def large_ties(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Number of images before a tie, of relevant ones among them, and the size of the tie and its relevant images."""
    before = draw(st.integers(0, 12))
    hits = draw(st.integers(0, min(before, 3)))
    size = draw(st.integers(1, 12))
    return before, hits, size, draw(st.integers(1, min(size, 3)))


@every_measure
@given(tie=large_ties())
def test_a_measure_of_a_large_tie_is_the_mean_over_the_places_of_its_relevant_images(
    measure: Callable[[Iterable[Tie]], float], tie: tuple[int, int, int, int]
) -> None:
    before, hits, size, relevant = tie
    earlier = [Tie(before - 1 - rank, 1, 1) for rank in range(hits)]
    orders = [
        [*earlier, *(Tie(before + place, 1, 1) for place in places)] for places in combinations(range(size), relevant)
    ]
    assert len(orders) == comb(size, relevant)
    found = measure([*earlier, Tie(before, size, relevant)])
    assert found == pytest.approx(fmean(map(measure, orders)), rel=0, abs=1e-12)


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=40), st.sets(st.integers(0, 10**6), max_size=40))
def test_a_ranking_without_ties_keeps_its_value(relevant: set[int], junk: set[int]) -> None:
    ties = group(map(Rank.untied, relevant), map(Rank.untied, junk - relevant))
    ranks = without_junk(relevant, junk - relevant)
    assert ties == [Tie(rank, 1, 1) for rank in ranks]
    precisions = [((hits / rank if rank else 1) + (hits + 1) / (rank + 1)) / 2 for hits, rank in enumerate(ranks)]
    assert average_precision(ties, len(relevant)) == pytest.approx(sum(precisions) / len(relevant), rel=0, abs=1e-12)
    for k in (1, 5, 10):
        length = min(ranks[-1] + 1, k)
        assert precision_at(ties, k) == pytest.approx(sum(rank < length for rank in ranks) / length, abs=1e-12)
    assert n_s_score(ties) == sum(rank < 4 for rank in ranks)


def test_one_relevant_image_among_32_matches_hand_computed_values() -> None:
    tied = [Tie(0, 32, 1)]
    assert average_precision(tied, 1) == pytest.approx((1 + sum(1 / (2 * rank) for rank in range(2, 33))) / 32)
    assert precision_at(tied, 1) == 1 / 32
    # Found at rank 1, 2, 3 or 4, the list is cut there; found at rank 5, it is one of five.
    assert precision_at(tied, 5) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 32)
    assert n_s_score([Tie(0, 32, 4)]) == 4 * 4 / 32


def test_all_images_relevant_and_tied_is_a_perfect_score() -> None:
    assert average_precision([Tie(0, 32, 32)], 32) == pytest.approx(1, rel=0, abs=1e-12)
    assert (precision_at([Tie(0, 32, 32)], 5), n_s_score([Tie(0, 4, 4)])) == (1, 4)


def test_large_ties_are_summed_precisely_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second tie has one relevant image, after two others, at each of 50,000 ranks with equal probability."""
    ties = [Tie(10, 2, 2), Tie(10_000, 50_000, 1)]
    second = fsum((2 / rank + 3 / (rank + 1)) / 2 for rank in range(10_000, 60_000)) / 50_000
    expected = average_precision(ties[:1], 3) + second / 3
    assert average_precision(ties, 3) == pytest.approx(expected, rel=1e-14)
    monkeypatch.setattr("osrmac.evaluation.metrics._SUMMED_AT_ONCE", 999)
    assert average_precision(ties, 3) == pytest.approx(expected, rel=1e-14)


def test_ties_are_in_order_and_apart() -> None:
    ties = by_distance(["j+", "+--j", "-", "++"])
    assert ties == [Tie(0, 1, 1), Tie(1, 3, 1), Tie(5, 2, 2)]
    assert all(left.first + left.size <= right.first for left, right in pairwise(ties))
    assert group([], [Rank.untied(0)]) == []
