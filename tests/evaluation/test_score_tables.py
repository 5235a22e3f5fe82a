"""Tables of the scores of an evaluation."""

from dataclasses import replace

from osrmac.evaluation.results import Evaluation, Score
from osrmac.evaluation.score_tables import scores_tables
from osrmac.tables import Cell


def score(method: str, mode: str, **values: float) -> Score:
    named = {"mAP": values["mAP"], "mP@10": values["mP10"]}
    return Score(method, f"{method} in words", mode, 1024, 3, named)


SEVERAL = Evaluation(
    "roxford5k",
    ("mAP", "mP@10"),
    "7 of 4993 images",
    {"distance": "l1"},
    (
        score("osrmac", "easy", mAP=62.5, mP10=15),
        score("osrmac", "hard", mAP=25, mP10=30),
        score("pfa", "easy", mAP=50, mP10=20),
    ),
)
ONE = replace(SEVERAL, measures=("mAP",))


def texts(rows: list[list[Cell]]) -> list[list[str]]:
    return [[cell.text for cell in row] for row in rows]


def test_there_is_a_row_for_each_method_and_a_column_for_each_query_mode() -> None:
    (table,) = scores_tables(ONE)
    assert table.title == "roxford5k"
    assert [column.name for column in table.columns] == ["descriptor", "dims", "mAP easy", "mAP hard"]
    assert [column.align for column in table.columns] == ["left", "right", "right", "right"]
    assert texts(table.cells) == [
        ["osrmac in words", "1,024", "62.50", "25.00"],
        ["pfa in words", "1,024", "50.00", ""],
    ]


def test_there_is_a_table_for_each_measure_and_the_last_has_the_conditions() -> None:
    first, last = scores_tables(SEVERAL)
    assert (first.title, last.title) == ("roxford5k, mAP", "roxford5k, mP@10")
    assert [row[2:] for row in texts(last.cells)] == [["15.00", "30.00"], ["20.00", ""]]
    assert first.notes == ()
    assert last.notes == ["coverage: 7 of 4993 images", "queries: 3 easy, 3 hard", "distance: l1"]


def test_the_best_of_each_column_is_marked_and_every_score_has_its_share() -> None:
    first, last = ([row[2] for row in table.cells] for table in scores_tables(SEVERAL))
    assert [cell.best for cell in first] == [True, False]
    assert [cell.best for cell in last] == [False, True]
    assert [cell.share for cell in first] == [0.625, 0.5]


def test_an_n_s_score_is_a_share_of_four() -> None:
    found = Score("osrmac", "osrmac", "all", 4, 3, {"N-S": 3.0})
    (table,) = scores_tables(Evaluation("ukbench", ("N-S",), "4 images", {}, (found,)))
    assert table.cells[0][2].share == 0.75


def test_the_papers_scores_and_labels_stand_beside_where_it_has_the_benchmark() -> None:
    scores = tuple(
        Score(method, method.upper(), "whole", 4, 3, {"mAP": 70.0})
        for method in ("osrmac-pfa-4", "osrmac-random-4", "msrmac-weights")
    )
    (table,) = scores_tables(Evaluation("oxford5k", ("mAP",), "all", {}, scores))
    assert table.columns[-1].name == "paper (ResNet50)"
    assert [row[-1].text for row in table.cells] == ["72.27", "", "68.90"]
    assert [row[0].detail for row in table.cells] == ["M-R l_j & l_j-1 + FS", "", "MS-RMAC"]
    assert "other networks" in table.notes[-1]
    (table,) = scores_tables(Evaluation("groups", ("mAP",), "all", {}, scores))
    assert table.columns[-1].name == "mAP whole"
    assert not any("other networks" in note for note in table.notes)


def test_scores_of_an_earlier_fit_are_marked() -> None:
    scores = [replace(each, earlier_fit=each.method == "pfa") for each in SEVERAL.scores]
    (table,) = scores_tables(replace(ONE, scores=tuple(scores)))
    assert [row[0] for row in texts(table.cells)] == ["osrmac in words", "pfa in words (earlier fit)"]
    assert table.notes[-1] == "earlier fit: the reduction has been fitted again since it was scored"


def test_a_mean_over_seeds_is_shown_with_its_spread() -> None:
    random = replace(score("random", "easy", mAP=50, mP10=20), spread={"mAP": 1.5, "mP@10": 0.25}, seeds=20)
    first, last = scores_tables(replace(SEVERAL, scores=(*SEVERAL.scores, random)))
    assert (texts(first.cells)[2][2], texts(last.cells)[2][2]) == ("50.00 ± 1.50", "20.00 ± 0.25")
    assert "±: mean and standard deviation over 20 seeds" in last.notes
