from osrmac.evaluation.results import Evaluation, Score
from osrmac.pages.sections.scores import scores_section


def test_every_measure_of_every_evaluation_has_a_table() -> None:
    score = Score("osrmac", "osrmac", "easy", 4, 3, {"mAP": 50.0, "mP@1": 60.0})
    several = Evaluation("roxford5k", ("mAP", "mP@1"), "7 images", {}, (score,))
    one = Evaluation("groups", ("mAP",), "7 images", {}, (score,))
    section = scores_section([several, one])
    assert section is not None
    assert [getattr(table, "title", "") for table in section.blocks] == ["roxford5k, mAP", "roxford5k, mP@1", "groups"]


def test_without_evaluations_there_is_no_section() -> None:
    assert scores_section([]) is None
