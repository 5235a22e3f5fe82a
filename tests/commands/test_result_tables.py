import datetime
from dataclasses import replace

from osrmac.cli.search_results import search_json
from osrmac.commands.result_tables import (
    ResultTable,
    comparison_table,
    duplicates_table,
    query_table,
    scores_table,
    search_table,
)
from osrmac.evaluation.bootstrap import Difference
from osrmac.evaluation.comparison import ComparedScore, Comparison
from osrmac.evaluation.results import Evaluation, Score
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.runs.queries import SearchResult
from osrmac.storage.listing.own_columns import RESERVED
from osrmac.types import Match, OwnValue, QueryResult


def test_a_search_has_a_row_for_each_match() -> None:
    matches = (Match("a", 1, 0.25, "/a", tied=True), Match("b", 2, 0.5, "/b"))
    result = SearchResult("single", "l1", (QueryResult("q", matches), QueryResult("none", ())))
    assert search_table(result) == ResultTable(
        ["query", "rank", "id", "uri", "distance", "tied"],
        [["q", 1, "a", "/a", 0.25, True], ["q", 2, "b", "/b", 0.5, False]],
    )
    assert search_table(replace(result, queries=())).columns == ["query", "rank", "id", "uri", "distance", "tied"]


def test_scores_and_boxes_of_a_search_have_columns_where_there_are_any() -> None:
    matches = (Match("a", 1, 0.25, "/a", score=0.75, box=(1, 2, 3, 4)), Match("b", 2, 0.5, "/b"))
    found = search_table(SearchResult("single", "l1", (QueryResult("q", matches),), {"re-ranking": "superglobal"}))
    assert found.columns[6:] == ["score", "left", "top", "right", "bottom"]
    assert [row[6:] for row in found.rows] == [[0.75, 1, 2, 3, 4], [None] * 5]


def test_near_duplicates_say_which_images_to_keep_and_to_remove() -> None:
    time = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    group = (Twin("a", "/a", 4, 3, 0.5, True, 10, time, "/run"), Twin("b", "/b", 2, 1, 0.5, run="/run"))
    assert duplicates_table(Duplicates("single", "l1", 1.0, None, "as given", 1, 0, (group,))) == ResultTable(
        ["group", "action", "id", "uri", "width", "height", "size", "modified", "distance", "run"],
        [
            [1, "keep", "a", "/a", 4, 3, 10, time, 0.5, "/run"],
            [1, "remove", "b", "/b", 2, 1, None, None, 0.5, "/run"],
        ],
    )


def test_scores_stand_beside_their_conditions() -> None:
    results = [QueryResult(name, (), values={"mAP": value}, positives=2) for name, value in (("a", 50.0), ("b", 30.0))]
    single = Score.of("single", "whole", "all", 4, results)
    drawn = replace(Score.of("random", "random", "all", 2, results), spread={"mAP": 0.5}, seeds=3)
    evaluation = Evaluation("groups", ("mAP",), "2 images", {"distance": "l1"}, (single, drawn))
    assert query_table(evaluation) == ResultTable(
        ("system", "mode", "query", "mAP", "positives"),
        [[name, "all", query, value, 2] for name in ("single", "random") for query, value in (("a", 50), ("b", 30))],
    )
    table = scores_table(evaluation)
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "benchmark": "groups",
        "coverage": "2 images",
        "system": "single",
        "label": "whole",
        "mode": "all",
        "dimension": 4,
        "queries": 2,
        "mAP": 40,
        "distance": "l1",
        "mAP standard deviation": None,
        "seeds": None,
    }
    assert (
        dict(zip(table.columns, table.rows[1], strict=True)).items()
        >= {"mAP standard deviation": 0.5, "seeds": 3}.items()
    )


def test_a_comparison_has_differences_to_the_baseline() -> None:
    scores = (
        ComparedScore("run", "a", "A", 4, 60.0, None),
        ComparedScore("run", "b", "B", None, 50.0, Difference(-10.0, -15.0, -5.0)),
    )
    comparison = Comparison("groups", "all", "mAP", 7, scores, {"distance": "l1"}, 100, 0)
    table = comparison_table([comparison])
    shown = ("system", "value", "difference", "low", "high", "verdict", "distance")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [[row[name] for name in shown] for row in rows] == [
        ["a", 60.0, None, None, None, "baseline", "l1"],
        ["b", 50.0, -10.0, -15.0, -5.0, "worse", "l1"],
    ]


def test_the_users_own_columns_come_last() -> None:
    first: dict[str, OwnValue] = {"title": "=1+1", "year": 1901}
    second: dict[str, OwnValue] = {"title": None, "year": 1902}
    matches = (Match("a", 1, 0.25, "/a", columns=first), Match("b", 2, 0.5, "/b", columns=second))
    found = search_table(SearchResult("single", "l1", (QueryResult("q", matches),)))
    assert found.columns[6:] == ["title", "year"]
    assert [row[6:] for row in found.rows] == [["=1+1", 1901], [None, 1902]]
    twins = (Twin("a", "/a", 4, 3, 0.5, True, columns=first), Twin("b", "/b", 2, 1, 0.5, columns=second))
    listed = duplicates_table(Duplicates("single", "l1", 1.0, None, "as given", 1, 0, (twins,)))
    assert listed.columns[10:] == ["title", "year"]
    assert [row[10:] for row in listed.rows] == [["=1+1", 1901], [None, 1902]]


def test_no_column_of_a_result_can_be_one_of_the_users_own() -> None:
    """Lists whose columns have these names keep their others only."""
    match = Match("a", 1, 0.25, "/a", score=0.75, box=(1, 2, 3, 4))
    search = SearchResult("single", "l1", (QueryResult("q", (match,)),), {"re-ranking": "superglobal"})
    listed = duplicates_table(Duplicates("single", "l1", 1.0, None, "as given", 1, 0, ()))
    assert {*search_table(search).columns, *listed.columns, *next(search_json(search))} <= RESERVED
