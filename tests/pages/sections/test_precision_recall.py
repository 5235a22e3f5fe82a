from osrmac.evaluation.pr_curve import RECALLS
from osrmac.pages.charts import LineChart
from osrmac.pages.components import Grid
from osrmac.pages.sections.precision_recall import Curves, precision_recall_section


def falling(from_: float, to: float) -> list[float]:
    return [from_ + (to - from_) * recall for recall in RECALLS]


def test_the_line_of_searches_is_first_and_wide_and_the_description_names_the_highest() -> None:
    curves = {"first": falling(1.0, 0.0), "highest": falling(0.9, 0.7), "last": falling(0.2, 0.1)}
    section = precision_recall_section([Curves("groups", "all", curves, "highest")])
    assert section is not None
    (grid,) = section.blocks
    assert isinstance(grid, Grid)
    (chart,) = grid.blocks
    assert isinstance(chart, LineChart)
    assert chart.title == "groups, queries: all"
    assert chart.description == "At a recall of 0.5 the highest is highest, 0.80."
    assert [(line.name, line.strong) for line in chart.lines] == [
        ("highest, used by searches", True),
        ("first", False),
        ("last", False),
    ]


def test_without_curves_there_is_no_section() -> None:
    assert precision_recall_section([]) is None
    assert precision_recall_section([Curves("groups", "all", {}, None)]) is None
