"""Measures against hand-computed cases and transcripts of the programs that define them."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from osrmac.evaluation.metrics import (
    average_precision,
    average_precision_at,
    n_s_score,
    precision_at,
    without_junk,
)
from osrmac.evaluation.ties import Tie


def untied(ranks: Iterable[int]) -> list[Tie]:
    return [Tie(rank, 1, 1) for rank in ranks]


def compute_ap(positives: set[int], junk: set[int], ranked: list[int]) -> float:
    """Transcript of VGG's compute_ap.cpp."""
    old_recall, old_precision, ap = 0.0, 1.0, 0.0
    intersect_size, j = 0, 0
    for image in ranked:
        if image in junk:
            continue
        if image in positives:
            intersect_size += 1
        recall = intersect_size / len(positives)
        precision = intersect_size / (j + 1.0)
        ap += (recall - old_recall) * ((old_precision + precision) / 2.0)
        old_recall, old_precision = recall, precision
        j += 1
    return ap


def holidays_map(query: int, relevant: set[int], ranked: list[int]) -> float:
    """Transcript of the AP of one query in INRIA's holidays_map.py."""
    tp_ranks = []
    rank_shift = 0
    for rank, image in enumerate(ranked):
        if image == query:
            rank_shift = -1
        elif image in relevant:
            tp_ranks.append(rank + rank_shift)
    ap = 0.0
    recall_step = 1.0 / len(relevant)
    for ntp, rank in enumerate(tp_ranks):
        precision_0 = 1.0 if rank == 0 else ntp / float(rank)
        precision_1 = (ntp + 1) / float(rank + 1)
        ap += (precision_1 + precision_0) * recall_step / 2.0
    return ap


def ap_of_ranking(positives: set[int], junk: set[int], ranked: list[int]) -> float:
    ranks = {image: rank for rank, image in enumerate(ranked)}
    positive_ranks = without_junk(
        (ranks[image] for image in positives & set(ranked)), (ranks[i] for i in junk & set(ranked))
    )
    return average_precision(untied(positive_ranks), len(positives))


@st.composite
def judged_rankings(draw: st.DrawFn) -> tuple[set[int], set[int], list[int]]:
    """Positives, junk, and a ranking that may lack images of both."""
    kinds = ["positive", *draw(st.lists(st.sampled_from(["positive", "junk", "neither"]), max_size=30))]
    ranked = draw(st.permutations(range(len(kinds))))[: draw(st.integers(0, len(kinds)))]
    positives, junk = ({image for image, kind in enumerate(kinds) if kind == wanted} for wanted in ("positive", "junk"))
    return positives, junk, list(ranked)


@given(judged_rankings())
def test_average_precision_equals_that_of_vgg(judged: tuple[set[int], set[int], list[int]]) -> None:
    assert ap_of_ranking(*judged) == pytest.approx(compute_ap(*judged), abs=1e-12)


@given(st.sets(st.integers(1, 30), min_size=1), st.permutations(range(31)), st.integers(0, 31))
def test_average_precision_equals_that_of_inria(relevant: set[int], images: list[int], retrieved: int) -> None:
    """The query is image 0, which is removed from its own ranking."""
    ranked = images[:retrieved]

    assert ap_of_ranking(relevant, {0}, ranked) == pytest.approx(holidays_map(0, relevant, ranked), abs=1e-12)


@pytest.mark.parametrize(
    ("ranks", "positives", "expected"),
    [
        ([0, 1, 2], 3, 1),
        ([], 3, 0),
        ([1], 1, (0 + 1 / 2) / 2),
        ([0], 2, 1 / 2),
        ([0, 2], 2, (1 + (1 / 2 + 2 / 3) / 2) / 2),
        ([2, 0], 2, (1 + (1 / 2 + 2 / 3) / 2) / 2),
        ([1, 3, 8], 4, ((0 + 1 / 2) / 2 + (1 / 3 + 2 / 4) / 2 + (2 / 8 + 3 / 9) / 2) / 4),
    ],
)
def test_average_precision_matches_hand_computed_values(ranks: list[int], positives: int, expected: float) -> None:
    assert average_precision(untied(ranks), positives) == pytest.approx(expected, abs=1e-15)


def test_average_precision_differs_from_that_of_scikit_learn() -> None:
    """One relevant image, second of two: the precision is 1/2 at its rank, and 0 just before."""
    assert average_precision_score(np.array([0, 1]), np.array([2.0, 1.0])) == 1 / 2
    assert average_precision(untied([1]), positives=1) == 1 / 4


def precisions_at_hits(relevant: set[int], ranked: list[int], k: int) -> float:
    """AP@k from its formula."""
    hits = [rank for rank in range(1, min(k, len(ranked)) + 1) if ranked[rank - 1] in relevant]
    return sum(len(relevant & set(ranked[:rank])) / rank for rank in hits) / min(k, len(relevant))


def ilias_ap(relevant: set[int], ranked: list[int], k: int) -> float:
    """AP@k in the form of ILIAS: scikit-learn's AP of the first k results times found / min(k, positives)."""
    found = np.array([image in relevant for image in ranked[:k]])
    if not found.any():
        return 0.0
    score = average_precision_score(found, -np.arange(len(found)))
    return float(score * found.sum() / min(k, len(relevant)))


@given(st.sets(st.integers(0, 30), min_size=1), st.permutations(range(31)), st.integers(1, 40))
def test_average_precision_at_k_equals_its_formula_and_that_of_ilias(
    relevant: set[int], ranked: list[int], k: int
) -> None:
    ranks = [rank for rank, image in enumerate(ranked) if image in relevant]
    found = average_precision_at(untied(ranks), len(relevant), k)
    assert found == pytest.approx(precisions_at_hits(relevant, ranked, k), abs=1e-12)
    assert found == pytest.approx(ilias_ap(relevant, ranked, k), abs=1e-12)
    assert average_precision_at(untied(ranks), len(relevant)) == pytest.approx(
        precisions_at_hits(relevant, ranked, len(ranked)), abs=1e-12
    )


@pytest.mark.parametrize(
    ("ranks", "positives", "k", "expected"),
    [
        ([0, 1, 2], 3, None, 1),
        ([], 3, None, 0),
        ([1], 1, None, 1 / 2),
        ([0, 2], 2, None, (1 + 2 / 3) / 2),
        ([0, 2], 2, 2, 1 / 2),
        ([0, 1], 5, 2, 1),
        ([100], 1, 100, 0),
        ([99], 1, 100, 1 / 100),
    ],
)
def test_average_precision_at_k_matches_hand_computed_values(
    ranks: list[int], positives: int, k: int | None, expected: float
) -> None:
    assert average_precision_at(untied(ranks), positives, k) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("ranks", "k", "expected"),
    [
        ([0, 1, 2], 1, 1),
        ([0, 1, 2], 5, 1),
        ([1], 1, 0),
        ([1], 5, 1 / 2),
        ([5, 0], 5, 1 / 5),
        ([4, 0], 5, 2 / 5),
        ([2, 0, 30], 10, 2 / 10),
        ([10], 10, 0),
        ([], 10, 0),
    ],
)
def test_precision_at_k_matches_hand_computed_values(ranks: list[int], k: int, expected: float) -> None:
    assert precision_at(untied(ranks), k) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("ranks", "junk", "remaining"),
    [
        ([], [], []),
        ([], [0, 1], []),
        ([2, 0], [], [0, 2]),
        ([1], [0], [0]),
        ([0, 3, 5], [1, 4], [0, 2, 3]),
        ([5, 2], [7, 1, 0, 4], [0, 2]),
        ([0, 1], [2, 3], [0, 1]),
    ],
)
def test_removed_junk_moves_later_images_up(ranks: list[int], junk: list[int], remaining: list[int]) -> None:
    assert without_junk(ranks, junk) == remaining


@pytest.mark.parametrize(
    ("ranks", "score"), [([], 0), ([0, 1, 2, 3], 4), ([3, 0], 2), ([0, 4, 5, 6], 1), ([4, 5, 6, 7], 0)]
)
def test_the_n_s_score_counts_the_first_four(ranks: list[int], score: float) -> None:
    assert n_s_score(untied(ranks)) == score
