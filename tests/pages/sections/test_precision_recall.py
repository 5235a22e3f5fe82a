from osrmac.evaluation.pr_curve import RECALLS
from osrmac.pages.charts import LineChart
from osrmac.pages.components import Grid
from osrmac.pages.sections.precision_recall import precision_recall_section


def falling(from_: float, to: float) -> list[float]:
    return [from_ + (to - from_) * recall for recall in RECALLS]


def test_the_description_names_the_line_that_is_highest_at_half_recall() -> None:
    curves = {"first": falling(1.0, 0.0), "highest": falling(0.9, 0.7), "last": falling(0.2, 0.1)}
    section = precision_recall_section({("groups", "all"): curves})
    assert section is not None
    (grid,) = section.blocks
    assert isinstance(grid, Grid)
    (chart,) = grid.blocks
    assert isinstance(chart, LineChart)
    assert chart.title == "groups, queries: all"
    assert chart.description == "At a recall of 0.5 the highest is highest, 0.80."
    assert [line.name for line in chart.lines] == ["first", "highest", "last"]


def test_without_curves_there_is_no_section() -> None:
    assert precision_recall_section({}) is None
    assert precision_recall_section({("groups", "all"): {}}) is None
