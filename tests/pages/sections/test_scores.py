from osrmac.evaluation.results import Evaluation, Score
from osrmac.pages.sections.scores import scores_section
from osrmac.tables import Table


def test_every_measure_of_every_evaluation_has_a_table() -> None:
    score = Score("osrmac", "osrmac", "easy", 4, 3, {"mAP": 50.0, "mP@1": 60.0})
    several = Evaluation("roxford5k", ("mAP", "mP@1"), "7 images", {}, (score,))
    one = Evaluation("groups", ("mAP",), "7 images", {}, (score,))
    section = scores_section([several, one], "osrmac")
    assert section is not None
    assert [getattr(table, "title", "") for table in section.blocks] == ["roxford5k, mAP", "roxford5k, mP@1", "groups"]
    first = section.blocks[0]
    assert isinstance(first, Table)
    assert first.cells[0][0].detail.endswith("used by searches")


def test_without_evaluations_there_is_no_section() -> None:
    assert scores_section([], "osrmac") is None
