"""Names, query modes, incomplete collections, and the score of a query."""

from dataclasses import replace

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, PathSuffix, Query, by_id, by_stem
from osrmac.types import Rank

TOWER = Query("tower", "t0", positives=frozenset({"t0", "t1", "t2"}), junk=frozenset({"blurred"}), box=(0, 0, 9, 9))
GATE = Query("gate", "g0", positives=frozenset({"g1"}))
LANDMARKS = Benchmark("landmarks", {"cropped": (TOWER, GATE), "whole": (GATE,)}, ("mAP",), size=100)
QUARTET = Query("u0", "u0", positives=frozenset({"u0", "u1", "u2", "u3"}))
FOURS = Benchmark("fours", {"all": (QUARTET, GATE)}, ("N-S",), size=6)

ALL_IMAGES = ["g0", "g1", "other", "t0", "t1", "t2"]


def untied(*ranked: str) -> dict[str, Rank]:
    return {image: Rank.untied(position) for position, image in enumerate(ranked)}


def test_images_are_named_by_stem_or_by_id() -> None:
    assert by_stem("oxford/all_souls_000013.jpg") == "all_souls_000013"
    assert by_id("oxford/all_souls_000013.jpg") == "oxford/all_souls_000013.jpg"


def test_images_are_named_by_the_end_of_their_path() -> None:
    assert PathSuffix(2)("data/cup/pos/P0.jpg") == "pos/P0.jpg"
    assert PathSuffix(3)("P0.jpg") == "P0.jpg"


def test_a_distractor_is_named_like_no_image_of_the_ground_truth() -> None:
    assert LANDMARKS.name_of("b/t0.jpg") == "t0"
    assert LANDMARKS.name_of("distractor:b/t0.jpg") == "distractor:b/t0.jpg"


def test_the_ground_truth_mentions_queries_positives_junk_and_images_outside() -> None:
    assert replace(LANDMARKS, outside=frozenset({"x"})).named == {*LANDMARKS.images, "blurred", "x"}


def test_required_images_are_queries_and_positives_but_not_junk() -> None:
    assert LANDMARKS.images == {"t0", "t1", "t2", "g0", "g1"}


def test_query_modes_are_selected_by_name() -> None:
    assert LANDMARKS.in_modes(["whole"]).modes == {"whole": (GATE,)}
    assert LANDMARKS.in_modes([]) == LANDMARKS


def test_an_unknown_query_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BenchmarkError, match="landmarks has no query mode 'half': choose from cropped, whole"):
        LANDMARKS.in_modes(["whole", "half"])


def test_names_are_in_the_order_of_the_ids() -> None:
    assert LANDMARKS.names_of(["b/2.jpg", "a/3.png", "1.jpg"]) == ["2", "3", "1"]


def test_two_images_with_the_same_name_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"'a/1\.jpg' and 'b/1\.png' are both '1' to landmarks"):
        LANDMARKS.names_of(["a/1.jpg", "2.jpg", "b/1.png"])


def test_a_complete_collection_keeps_the_benchmark() -> None:
    assert LANDMARKS.on(ALL_IMAGES, subset=False) == LANDMARKS
    assert LANDMARKS.on(ALL_IMAGES, subset=True) == LANDMARKS


def test_a_missing_relevant_image_is_named() -> None:
    with pytest.raises(BenchmarkError, match=r"2 of the 5 images that landmarks needs .* first 'g1': .* --subset"):
        LANDMARKS.on(["g0", "t0", "t1"], subset=False)


def test_a_line_break_in_a_missing_name_is_escaped() -> None:
    collection = Benchmark("groups", {"all": (Query("q", "q", frozenset({"two\nlines"})),)}, ("mAP",), None, by_id)

    with pytest.raises(BenchmarkError) as caught:
        collection.on(["q"], subset=False)
    assert r"'two\nlines'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_subset_drops_missing_positives_and_queries() -> None:
    restricted = LANDMARKS.on(["g0", "g1", "t0", "t2"], subset=True)

    assert restricted.images == {"g0", "g1", "t0", "t2"}
    assert restricted.modes["whole"] == (GATE,)
    (tower, gate) = restricted.modes["cropped"]
    assert gate == GATE
    assert tower == replace(TOWER, positives=frozenset({"t0", "t2"}))


@pytest.mark.parametrize("missing", ["g0", "g1"])
def test_a_subset_drops_queries_without_image_or_positives(missing: str) -> None:
    cropped = LANDMARKS.in_modes(["cropped"])

    assert cropped.on(set(ALL_IMAGES) - {missing}, subset=True).modes["cropped"] == (TOWER,)


def test_a_subset_drops_incomplete_groups_of_the_n_s_score() -> None:
    assert FOURS.on({"g0", "g1", "u0", "u1", "u3"}, subset=True).modes == {"all": (GATE,)}


def test_a_query_mode_without_queries_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="the collection has no whole query of landmarks with a relevant image"):
        LANDMARKS.on(["t0", "t1", "t2"], subset=True)


def test_junk_counts_neither_for_nor_against() -> None:
    """Without junk, t0 and t1 are first and second, and t2 is fourth."""
    ranks = untied("t0", "blurred", "t1", "other", "t2")
    expected = 100 * (1 + 1 + (2 / 3 + 3 / 4) / 2) / 3

    assert LANDMARKS.score(TOWER, ranks) == pytest.approx({"mAP": expected})
    assert LANDMARKS.score(TOWER, untied("t0", "t1", "other", "t2")) == pytest.approx({"mAP": expected})


def test_positives_that_were_not_retrieved_lower_the_score() -> None:
    assert LANDMARKS.score(TOWER, untied("t1")) == pytest.approx({"mAP": 100 / 3})
    assert LANDMARKS.score(GATE, {}) == {"mAP": 0}


def test_the_n_s_score_includes_the_query() -> None:
    assert FOURS.score(QUARTET, untied("u0", "other", "t0", "u2", "u3", "u1")) == {"N-S": 2}


def test_tied_images_count_by_the_mean_over_their_orders_without_junk() -> None:
    """After t0 come t1, t2 and another image in any order: t1 and t2 are second and third, second and fourth, or
    third and fourth; three orders of equal probability."""
    ranks = {"t0": Rank(0, 0, 1), "blurred": Rank(1, 1, 4), "t1": Rank(3, 1, 4), "t2": Rank(4, 1, 4)}
    orders = [1 + 1, 1 + (2 / 3 + 3 / 4) / 2, (1 / 2 + 2 / 3) / 2 + (2 / 3 + 3 / 4) / 2]

    assert LANDMARKS.score(TOWER, ranks) == pytest.approx({"mAP": 100 * (1 + sum(orders) / 3) / 3})
    assert TOWER.positive_ranks(ranks) == [0, 2, 3]
