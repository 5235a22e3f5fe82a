"""The University of Kentucky Benchmark: four of four."""

from statistics import fmean

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols

UKBENCH = protocols.load("ukbench", {}, collection=(), subset=False)
EIGHT = [f"ukbench{number:05d}" for number in range(8)]


def test_every_image_or_the_first_of_each_group_asks() -> None:
    every, first = UKBENCH.modes["all"], UKBENCH.modes["first"]

    assert (UKBENCH.size, len(UKBENCH.images), UKBENCH.measures) == (10200, 10200, ("N-S",))
    assert (len(every), len(first)) == (10200, 2550)
    assert [query.image for query in every[:2]] == EIGHT[:2]
    assert [query.image for query in first[:2]] == [EIGHT[0], EIGHT[4]]
    assert every[-1].image == "ukbench10199"


def test_a_group_is_four_numbers_and_holds_the_query() -> None:
    for query in UKBENCH.modes["all"][4:8]:
        assert query.positives == set(EIGHT[4:])
        assert not query.junk


@pytest.mark.parametrize(("mode", "scores", "mean"), [("all", [3, 3, 3, 3, 1, 2, 2, 2], 19 / 8), ("first", [3, 1], 2)])
def test_n_s_scores_by_hand(mode: str, scores: list[float], mean: float) -> None:
    """Every image ranks itself first and then the others in the same order."""
    others = [EIGHT[number] for number in (0, 1, 4, 2, 3, 5, 6, 7)]
    found = []
    for query in UKBENCH.on(EIGHT, subset=True).modes[mode]:
        ranking = [query.image, *(name for name in others if name != query.image)]
        found.append(UKBENCH.score(query, {name: rank for rank, name in enumerate(ranking)})["N-S"])

    assert found == scores
    assert fmean(found) == mean


def test_groups_that_lack_an_image_are_left_out_of_a_subset() -> None:
    modes = UKBENCH.on(EIGHT[1:], subset=True).modes

    assert [query.name for query in modes["all"]] == EIGHT[4:]
    assert [query.name for query in modes["first"]] == EIGHT[4:5]


def test_a_missing_image_is_named_unless_a_subset_is_asked_for() -> None:
    with pytest.raises(BenchmarkError, match=r"10192 of the 10200 images .* first 'ukbench00008'"):
        UKBENCH.on(EIGHT, subset=False)
