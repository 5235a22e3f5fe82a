"""The coordinates of charts, and charts as SVG files."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from osrmac.pages.charts import Histogram, Line, LineChart, svg
from tests.pages.html import ODD

SIZES = [32, 64, 128, 256, 384, 512, 768, 1000, 1024]
CHART = LineChart("Score", "features", "mAP", [Line("a", [(32, 40), (64, 61.25)]), Line("b", [(64, 50)])], "a is best.")


@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_point_is_inside_the_drawing_and_in_order(logarithmic: bool) -> None:
    points = [(float(x), y) for x, y in ((1, 0.3), (32, -900), (100, 1e4), (3072, 0))]
    line = Line("a", points, [1, 2, 3, 4])
    chart = LineChart("t", "x", "y", [line], "", logarithmic=logarithmic)
    for path in (chart.path(line.points), chart.path(line.band)):
        placed = [tuple(map(float, place.split(","))) for place in path.split()]
        assert all(54 <= left <= 446 and 12 <= top <= 246 for left, top in placed)
    lefts = [chart.left(x) for x, _ in points]
    assert lefts == sorted(lefts)
    assert (lefts[0], lefts[-1]) == (54, 446)
    assert chart.top(1e4) < chart.top(3e3) < chart.top(0) < chart.top(-900)


def test_a_band_goes_along_its_top_and_back_along_its_bottom() -> None:
    assert Line("a", [(1, 5), (2, 6)], [1, 2]).band == [(1, 6), (2, 8), (2, 4), (1, 4)]
    assert Line("a", [(1, 5), (2, 6)]).band == []


def test_labels_on_the_axis_do_not_overlap() -> None:
    points = [(float(size), 1.0) for size in SIZES]
    chart = LineChart("t", "x", "y", [Line("a", points)], "", logarithmic=True, ticks=SIZES)
    assert [label for _, label in chart.x_labels] == ["32", "64", "128", "256", "384", "512", "1024"]


def test_a_single_point_can_be_drawn() -> None:
    chart = LineChart("t", "x", "y", [Line("a", [(4, 4)])], "", logarithmic=True)
    assert re.fullmatch(r"[\d.]+,[\d.]+", chart.path(chart.lines[0].points))


def test_the_table_of_a_chart_has_a_row_for_each_x() -> None:
    assert [column.name for column in CHART.table.columns] == ["features", "a", "b"]
    assert CHART.table.rows == [["32", "40.0", ""], ["64", "61.2", "50.0"]]


def test_the_bars_of_a_histogram_are_as_high_as_their_counts() -> None:
    histogram = Histogram("t", "x", [("0", 0), ("10", 1200), ("20", 600)], "")
    empty, high, half = histogram.bars
    assert empty.height == 0
    assert high.height == 2 * half.height
    assert high.top + high.height == half.top + half.height
    assert empty.left + empty.width < high.left
    assert histogram.table.rows[1] == ["10", "1,200"]
    assert [bar.height for bar in Histogram("t", "x", [("0", 0)], "").bars] == [0]


def texts(file: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(file).iter() if element.tag.endswith("text")]


def test_an_svg_file_has_a_panel_for_each_chart_with_its_legend_and_the_notes() -> None:
    one, two = svg([CHART], "coverage: 26 images"), svg([CHART, replace(CHART, title="Other")])
    assert {"Score", "features", "mAP", "a", "b", "coverage: 26 images"} <= set(texts(one))
    assert {"Score", "Other"} <= set(texts(two))
    assert int(ET.fromstring(two).attrib["width"]) == 2 * int(ET.fromstring(one).attrib["width"])


def test_an_svg_file_has_its_own_colours_light_and_dark() -> None:
    style = next(element.text for element in ET.fromstring(svg([CHART])).iter() if element.tag.endswith("style"))
    assert style is not None
    assert "prefers-color-scheme: dark" in style
    assert "var(" not in style


def test_seven_lines_differ_by_marker_and_dashes_and_not_only_by_colour() -> None:
    file = svg([replace(CHART, lines=[Line(str(number), [(1, number)]) for number in range(7)])])
    markers = re.findall(r'class="point" d="M[\d.]+ [\d.]+([^"]+)"', file)
    assert len(set(markers)) == 7
    patterns = dict(re.findall(r"^\.s(\d) polyline.*stroke-dasharray: ([^;]+);", file, re.MULTILINE))
    assert len(set(patterns.values())) == len(patterns) == 6  # the first line is solid


def test_the_line_that_matters_is_wide() -> None:
    file = svg([replace(CHART, lines=[Line("a", [(1, 2)], strong=True), Line("b", [(1, 1)])])])
    assert file.count('class="s0 strong"') == 2  # the line, and its key in the legend
    assert "s1 strong" not in file


def test_odd_names_in_an_svg_file_are_only_text() -> None:
    chart = LineChart(ODD, ODD, ODD, [Line(ODD, [(1, 2)])], ODD)
    file = svg([chart], "x")
    assert ODD in texts(file)
    assert (
        len(list(ET.fromstring(file).iter())) == len(list(ET.fromstring(svg([replace(chart, title="x")])).iter())) + 1
    )


def test_long_notes_are_wrapped() -> None:
    lines = [text for text in texts(svg([CHART], "word " * 100)) if text.startswith("word")]
    assert len(lines) > 3
    assert max(map(len, lines)) < 100
