"""What the protocols have in common: names, modes, missing images and the score of a query."""

from dataclasses import replace

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query, by_id, by_stem

TOWER = Query("tower", "t0", positives=frozenset({"t0", "t1", "t2"}), junk=frozenset({"blurred"}), box=(0, 0, 9, 9))
GATE = Query("gate", "g0", positives=frozenset({"g1"}))
LANDMARKS = Benchmark("landmarks", {"cropped": (TOWER, GATE), "whole": (GATE,)}, ("mAP",), size=100)
QUARTET = Query("u0", "u0", positives=frozenset({"u0", "u1", "u2", "u3"}))
FOURS = Benchmark("fours", {"all": (QUARTET, GATE)}, ("N-S",), size=6)

EVERYTHING = ["g0", "g1", "other", "t0", "t1", "t2"]


def test_images_are_known_by_their_stem_or_by_their_id() -> None:
    assert by_stem("oxford/all_souls_000013.jpg") == "all_souls_000013"
    assert by_id("oxford/all_souls_000013.jpg") == "oxford/all_souls_000013.jpg"


def test_a_score_needs_queries_and_positives_but_no_junk() -> None:
    assert LANDMARKS.images == {"t0", "t1", "t2", "g0", "g1"}


def test_query_modes_are_chosen_by_name() -> None:
    assert LANDMARKS.in_modes(["whole"]).modes == {"whole": (GATE,)}
    assert LANDMARKS.in_modes([]) == LANDMARKS


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BenchmarkError, match="landmarks has no query mode 'half': choose from cropped, whole"):
        LANDMARKS.in_modes(["whole", "half"])


def test_names_keep_the_order_of_the_ids() -> None:
    assert LANDMARKS.names_of(["b/2.jpg", "a/3.png", "1.jpg"]) == ["2", "3", "1"]


def test_two_images_of_one_name_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"'a/1\.jpg' and 'b/1\.png' are both '1' to landmarks"):
        LANDMARKS.names_of(["a/1.jpg", "2.jpg", "b/1.png"])


def test_a_whole_collection_changes_nothing() -> None:
    assert LANDMARKS.on(EVERYTHING, subset=False) == LANDMARKS
    assert LANDMARKS.on(EVERYTHING, subset=True) == LANDMARKS


def test_a_missing_relevant_image_is_named() -> None:
    with pytest.raises(BenchmarkError, match=r"2 of the 5 images that landmarks asks for .* first 'g1': .* --subset"):
        LANDMARKS.on(["g0", "t0", "t1"], subset=False)


def test_a_missing_name_of_several_lines_is_shown_in_one() -> None:
    collection = Benchmark("groups", {"all": (Query("q", "q", frozenset({"two\nlines"})),)}, ("mAP",), None, by_id)

    with pytest.raises(BenchmarkError) as caught:
        collection.on(["q"], subset=False)
    assert r"'two\nlines'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_subset_asks_for_what_is_there() -> None:
    reduced = LANDMARKS.on(["g0", "g1", "t0", "t2"], subset=True)

    assert reduced.images == {"g0", "g1", "t0", "t2"}
    assert reduced.modes["whole"] == (GATE,)
    (tower, gate) = reduced.modes["cropped"]
    assert gate == GATE
    assert tower == replace(TOWER, positives=frozenset({"t0", "t2"}))


@pytest.mark.parametrize("lacking", ["g0", "g1"])
def test_a_subset_leaves_out_queries_without_image_or_positives(lacking: str) -> None:
    cropped = LANDMARKS.in_modes(["cropped"])

    assert cropped.on(set(EVERYTHING) - {lacking}, subset=True).modes["cropped"] == (TOWER,)


def test_a_subset_leaves_out_groups_of_fewer_than_four() -> None:
    """N-S counts up to four: a smaller group could not reach it."""
    assert FOURS.on({"g0", "g1", "u0", "u1", "u3"}, subset=True).modes == {"all": (GATE,)}


def test_a_mode_without_any_query_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="none of the queries of landmarks can be asked"):
        LANDMARKS.on(["t0", "t1", "t2"], subset=True)


def test_junk_counts_neither_for_nor_against() -> None:
    """Without it t0 and t1 lead, and t2 is fourth."""
    ranks = {"t0": 0, "blurred": 1, "t1": 2, "other": 3, "t2": 4}
    expected = 100 * (1 + 1 + (2 / 3 + 3 / 4) / 2) / 3

    assert LANDMARKS.score(TOWER, ranks) == pytest.approx({"mAP": expected})
    assert LANDMARKS.score(TOWER, {"t0": 0, "t1": 1, "other": 2, "t2": 3}) == pytest.approx({"mAP": expected})


def test_what_was_not_retrieved_counts_against() -> None:
    assert LANDMARKS.score(TOWER, {"t1": 0}) == pytest.approx({"mAP": 100 / 3})
    assert LANDMARKS.score(GATE, {}) == {"mAP": 0}


def test_the_n_s_score_counts_the_query_itself() -> None:
    assert FOURS.score(QUARTET, {"u0": 0, "u1": 5, "u2": 3, "u3": 4}) == {"N-S": 2}
