"""Files of scores, as ILIAS's evaluation reads them."""

import json

import numpy as np
import pytest

from osrmac.errors import ConfigError
from osrmac.evaluation.benchmark import Benchmark, PathSuffix, Query
from osrmac.evaluation.rankings import parse_ranks
from osrmac.runs.benchmarks import score_sheet
from osrmac.runs.benchmarks.score_sheet import ScoreSheet
from osrmac.runs.methods import Method
from osrmac.runs.scan import LocalComparison
from osrmac.types import Rank

QUERIES = tuple(Query(f"cup/query/{name}", f"cup/query/{name}", frozenset({"cup/pos/P0"})) for name in ("Q0", "Q1"))
ILIAS = Benchmark("ilias", {"whole": QUERIES}, ("mAP@1000",), None, PathSuffix(3))
DISTANCES = LocalComparison(
    [
        ("", ["core/cup/pos/P0", "core/cup/pos/P1"], np.array([[0.5, 0.25], [3, 4]], np.float32)),
        ("", ["distractor:core/cup/pos/P0", "z"], np.array([[0.25, 9], [5, 1]], np.float32)),
    ]
)
METHOD = Method("early", "early", ("early",))


def test_a_score_is_the_negative_distance_and_distractors_keep_their_ids() -> None:
    sheet = ScoreSheet(ILIAS, "early")
    sheet.add(METHOD, QUERIES, DISTANCES)
    sheet.add(Method("late", "late", ("late",)), QUERIES, LocalComparison([]))
    text = sheet.to_json()
    assert json.loads(text) == {
        "cup/query/Q0": {"cup/pos/P1": -0.25, "distractor:core/cup/pos/P0": -0.25, "cup/pos/P0": -0.5, "z": -9},
        "cup/query/Q1": {"z": -1, "cup/pos/P0": -3, "cup/pos/P1": -4, "distractor:core/cup/pos/P0": -5},
    }
    assert (sheet.method, sheet.images) == ("early", 4)
    assert parse_ranks({"scores.json": text})["cup/query/Q0"] == [
        ("cup/pos/P1", Rank(0, 0, 2)),
        ("distractor:core/cup/pos/P0", Rank(1, 0, 2)),
        ("cup/pos/P0", Rank(2, 2, 1)),
        ("z", Rank(3, 3, 1)),
    ]


def test_only_the_first_images_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert score_sheet.FIRST == 1000
    monkeypatch.setattr(score_sheet, "FIRST", 1)
    sheet = ScoreSheet(ILIAS, "early")
    sheet.add(METHOD, QUERIES, DISTANCES)
    assert json.loads(sheet.to_json()) == {"cup/query/Q0": {"cup/pos/P1": -0.25}, "cup/query/Q1": {"z": -1}}


def test_a_query_in_two_modes_is_refused() -> None:
    both = Benchmark("ilias", {"whole": QUERIES, "cropped": QUERIES[:1]}, ("mAP@1000",), None)
    with pytest.raises(ConfigError, match="choose one of whole, cropped with --queries"):
        ScoreSheet(both, "early")
