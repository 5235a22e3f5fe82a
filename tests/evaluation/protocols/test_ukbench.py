"""University of Kentucky Benchmark: groups of four and the N-S score."""

from statistics import fmean

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.types import Rank

UKBENCH = protocols.load("ukbench", {}, collection=(), subset=False)
EIGHT = [f"ukbench{number:05d}" for number in range(8)]


def test_queries_are_all_images_or_the_first_of_each_group() -> None:
    every, first = UKBENCH.modes["all"], UKBENCH.modes["first"]

    assert (UKBENCH.size, len(UKBENCH.images), UKBENCH.measures) == (10200, 10200, ("N-S",))
    assert (len(every), len(first)) == (10200, 2550)
    assert [query.image for query in every[:2]] == EIGHT[:2]
    assert [query.image for query in first[:2]] == [EIGHT[0], EIGHT[4]]
    assert every[-1].image == "ukbench10199"


def test_the_query_belongs_to_its_own_positives() -> None:
    for query in UKBENCH.modes["all"][4:8]:
        assert query.positives == set(EIGHT[4:])
        assert not query.junk


@pytest.mark.parametrize(("mode", "scores", "mean"), [("all", [3, 3, 3, 3, 1, 2, 2, 2], 19 / 8), ("first", [3, 1], 2)])
def test_n_s_scores_match_hand_computed_values(mode: str, scores: list[float], mean: float) -> None:
    """Every query ranks itself first, then the other images in a common order."""
    others = [EIGHT[number] for number in (0, 1, 4, 2, 3, 5, 6, 7)]
    n_s = []
    for query in UKBENCH.on(EIGHT, subset=True).modes[mode]:
        ranking = [query.image, *(name for name in others if name != query.image)]
        n_s.append(UKBENCH.score(query, {name: Rank.untied(rank) for rank, name in enumerate(ranking)})["N-S"])

    assert n_s == scores
    assert fmean(n_s) == mean


def test_incomplete_groups_are_left_out_of_a_subset() -> None:
    modes = UKBENCH.on(EIGHT[1:], subset=True).modes

    assert [query.name for query in modes["all"]] == EIGHT[4:]
    assert [query.name for query in modes["first"]] == EIGHT[4:5]


def test_a_missing_image_is_named() -> None:
    with pytest.raises(BenchmarkError, match=r"10192 of the 10200 images .* first 'ukbench00008'"):
        UKBENCH.on(EIGHT, subset=False)
