"""Charts of differences with their intervals."""

import xml.etree.ElementTree as ET

import pytest

from osrmac.evaluation.bootstrap import Difference
from osrmac.evaluation.comparison import ComparedScore, Comparison
from osrmac.pages.intervals import LEFT, RIGHT, interval_chart, intervals_svg
from tests.pages.html import ODD

SCORES = (
    ComparedScore("lite", "osrmac", "osrmac", 1392, 70.0, None),
    ComparedScore("lite", "late", "late", None, 68.25, Difference(-1.75, -4, 0.5)),
    ComparedScore("resnet", "single", "a very long name of a method " * 3, 2048, 60.0, Difference(-10, -12, -8)),
)
COMPARISON = Comparison("oxford5k", "whole", "mAP", 55, SCORES, {"distance": "l1"}, 10_000, 0)


def texts(file: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(file).iter() if element.tag.endswith("text")]


def test_every_interval_is_inside_the_axis_and_encloses_its_difference() -> None:
    chart = interval_chart(COMPARISON)
    for row in chart.rows:
        places = [chart.left(x) for x in (row.low, row.mean, row.high)]
        assert places == sorted(places)
        assert LEFT <= places[0] <= places[-1] <= RIGHT
    assert (chart.ticks[0], chart.ticks[-1]) == (-15, 5)
    assert chart.left(0) == pytest.approx(LEFT + (RIGHT - LEFT) * 15 / 20)
    tops = [chart.top(number) for number in range(3)]
    assert tops == sorted(tops)
    assert tops[-1] < chart.bottom < chart.height


def test_the_file_shows_names_scores_and_conditions() -> None:
    shown = texts(intervals_svg([interval_chart(COMPARISON)]))
    assert {"oxford5k, whole", "lite: osrmac, 1392", "lite: late", "68.25", "0", "-5", "+5"} <= set(shown)
    assert "difference of mAP to lite: osrmac" in shown
    assert any("distance: l1" in text for text in shown)
    (shortened,) = (text for text in shown if text.endswith(", 2048"))
    assert shortened.startswith("…")
    assert len(shortened) == 46


def test_several_charts_are_one_below_the_other() -> None:
    one, two = (intervals_svg([interval_chart(COMPARISON)] * number) for number in (1, 2))
    assert float(ET.fromstring(two).attrib["height"]) == 2 * float(ET.fromstring(one).attrib["height"])


def test_equal_scores_can_be_drawn() -> None:
    equal = Comparison("b", "all", "mAP", 1, SCORES[:1], {}, 10, 0)
    assert "osrmac, 1392" in texts(intervals_svg([interval_chart(equal)]))


def test_odd_names_are_only_text() -> None:
    odd = ComparedScore(ODD, ODD, ODD[:20], 3, 1.0, None)
    file = intervals_svg([interval_chart(Comparison(ODD, ODD, ODD, 1, (odd,), {}, 10, 0))])
    assert f"{ODD[:20]}, 3" in texts(file)
