from dataclasses import replace

from osrmac.cli.search_results import search_json, search_tables
from osrmac.runs.queries import SearchResult
from osrmac.types import Match, QueryResult

MATCHES = (
    Match("b.jpg", 1, 0.5, "/b.jpg", score=0.75, tied=True),
    Match("a.jpg", 2, 0.25, "/a.jpg", score=0.75, tied=True),
    Match("c.jpg", 3, 0.75, "/c.jpg"),
)
RERANKED = SearchResult("single", "l1", (QueryResult("q.jpg", MATCHES),), {"re-ranking": "superglobal, 2 nearest"})
PLAIN = replace(RERANKED, conditions={"query expansion": "2 neighbours, alpha 3"})


def test_json_has_the_score_of_a_search_that_re_ranks_only() -> None:
    first, _, last = search_json(RERANKED)
    assert first == {
        "query": "q.jpg",
        "rank": 1,
        "id": "b.jpg",
        "uri": "/b.jpg",
        "distance": 0.5,
        "tied": True,
        "score": 0.75,
        "box": None,
        "searched": "all images compared",
    }
    assert (last["distance"], last["score"]) == (0.75, None)
    assert all("score" not in row for row in search_json(PLAIN))


def test_tables_show_the_score_beside_the_distance_and_say_what_refined_the_ranking() -> None:
    (shown,) = search_tables(RERANKED)
    assert [column.name for column in shown.columns] == ["", "score", "l1", "tied", "id"]
    assert [[cell.text for cell in row] for row in shown.cells] == [
        ["1", "0.7500", "0.5000", "=", "b.jpg"],
        ["2", "0.7500", "0.2500", "=", "a.jpg"],
        ["3", "", "0.7500", "", "c.jpg"],
    ]
    assert shown.notes == ["compared by single: all images compared", "re-ranking: superglobal, 2 nearest"]
    (shown,) = search_tables(PLAIN)
    assert [column.name for column in shown.columns] == ["", "l1", "tied", "id"]
    assert shown.notes == ["compared by single: all images compared", "query expansion: 2 neighbours, alpha 3"]


def test_matches_have_a_column_of_boxes_where_there_are_any() -> None:
    plain, placed = Match("a.jpg", 1, 0.5, tied=True), Match("b.jpg", 2, 0.5, tied=True, box=(0, 10, 300, 200))
    result = SearchResult("single", "l1", (QueryResult("q", (plain, placed)), QueryResult("r", (plain,))))
    with_box, without = search_tables(result)
    assert [column.name for column in with_box.columns] == ["", "l1", "tied", "id", "box"]
    assert [[cell.text for cell in row][-2:] for row in with_box.cells] == [["a.jpg", ""], ["b.jpg", "0 10 300 200"]]
    assert [[cell.text for cell in row] for row in without.cells] == [["1", "0.5000", "=", "a.jpg"]]
    assert (with_box.title, with_box.notes) == ("q", ["compared by single: all images compared"])


def test_the_first_of_the_users_own_columns_are_shown_cut_off_and_json_has_all() -> None:
    own = {"title": "The harbour\n" + 40 * "x", "number": "0001", "year": None, "licence": "CC0"}
    result = SearchResult("single", "l1", (QueryResult("q", (Match("a.jpg", 1, 0.5, columns=own),)),))
    (shown,) = search_tables(result)
    assert [column.name for column in shown.columns] == ["", "l1", "tied", "id", "title", "number", "year"]
    ((*_, title, number, year),) = shown.cells
    assert title.text == f"The harbour {27 * 'x'}…"
    assert (len(title.text), number.text, year.text) == (40, "0001", "")
    (row,) = search_json(result)
    assert row["columns"] == own
