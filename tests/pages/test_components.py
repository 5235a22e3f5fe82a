"""The report from plain data: every kind of block, ordinary and odd."""

import re

import pytest

from osrmac.pages.charts import Bars, Chart, Line
from osrmac.pages.components import Beside, Block, Cell, Facts, Part, Strips, Table, Tile, page
from osrmac.pages.contact_sheet import Picture
from tests.pages.soundness import ODD, sound


def made(text: str) -> str:
    """A page with every kind of block, which says this wherever a text is said."""
    lines = [Line(text, [(1, 2), (2, 3)], [0.1, 0.2]), Line(text, [(1, 1), (2, 1)], dashed=True)]
    pictures = [Picture(text, text, "data:x", "file:///x", mark) for mark in ("query", "relevant", "wrong", "junk")]
    blocks: list[Block] = [
        Facts({text: text}),
        Table(text, [text, text], [[Cell(text, under=text), Cell(text, 0.5, best=True)]], text, texts=[text]),
        Beside([Chart(text, text, text, lines, text), Bars(text, text, [(text, 3)], text), Facts({text: text})]),
        Strips(text, [(text, text, [*pictures, Picture(text, text)])], text),
    ]
    return page(text, text, [Tile(text, text, text, alarm=True)], [Part(text, blocks, text)], {text: text})


def test_odd_names_are_text_and_nothing_else() -> None:
    plain, odd = sound(made("x")), sound(made(ODD))
    assert [tag for tag, _ in odd.tags] == [tag for tag, _ in plain.tags]
    assert [text if text != ODD else "x" for text in odd.texts].count("x") == plain.texts.count("x")
    assert {of_tag["alt"] for tag, of_tag in odd.tags if tag == "img"} == {ODD}


def test_verdicts_are_seen_without_colour_and_heard() -> None:
    read = sound(made("x"))
    classes = [of_tag.get("class") for tag, of_tag in read.tags if tag == "li" and of_tag.get("class")]
    assert classes == ["alarm", "query", "relevant", "wrong", "junk"]
    for said in ("✓", "relevant", "✗", "wrong", "○", "not counted", " (best)"):
        assert said in read.texts


def test_a_chart_gives_its_numbers_and_what_they_say() -> None:
    lines = [Line("a", [(32, 40), (64, 61.25)]), Line("b", [(64, 50)])]
    read = sound(page("t", "", [], [Part("p", [Beside([Chart("Score", "features", "mAP", lines, "a is best.")])])], {}))
    assert "Score. a is best." in [of_tag.get("aria-label") for _, of_tag in read.tags]
    texts = [text for text in read.texts if text.strip()]
    start = texts.index("features", texts.index("The numbers"))
    assert texts[start : start + 8] == ["features", "a", "b", "32", "40.0", "64", "61.2", "50.0"]
    assert "b, features 64: 50.0" in texts


@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_point_lies_inside_the_drawing_in_its_order(logarithmic: bool) -> None:
    points = [(float(x), y) for x, y in ((1, 0.3), (32, -900), (100, 1e4), (3072, 0))]
    chart = Chart("t", "x", "y", [Line("a", points, [1, 2, 3, 4])], "", logarithmic=logarithmic)
    for drawn in (chart.path(chart.lines[0]), chart.band(chart.lines[0])):
        placed = [tuple(map(float, place.split(","))) for place in drawn.split()]
        assert all(54 <= left <= 446 and 12 <= top <= 246 for left, top in placed)
    lefts = [chart.left(x) for x, _ in points]
    assert lefts == sorted(lefts)
    assert (lefts[0], lefts[-1]) == (54, 446)
    assert chart.top(1e4) < chart.top(3e3) < chart.top(0) < chart.top(-900)


def test_names_on_the_axis_do_not_touch() -> None:
    sizes = [32, 64, 128, 256, 384, 512, 768, 1000, 1024]
    points = [(float(size), 1.0) for size in sizes]
    chart = Chart("t", "x", "y", [Line("a", points)], "", logarithmic=True, ticks=sizes)
    assert [name for _, name in chart.named_ticks] == ["32", "64", "128", "256", "384", "512", "1024"]


def test_one_point_can_be_drawn() -> None:
    chart = Chart("t", "x", "y", [Line("a", [(4, 4)])], "", logarithmic=True)
    assert re.fullmatch(r"[\d.]+,[\d.]+", chart.path(chart.lines[0]))
    sound(page("t", "", [], [Part("p", [Beside([chart, Bars("b", "x", [("0", 0)], "")])])], {}))
