"""Pages made of every kind of component, with ordinary and odd texts."""

from osrmac.pages.charts import Histogram, Line, LineChart
from osrmac.pages.components import (
    Block,
    DefinitionList,
    Folded,
    Galleries,
    Gallery,
    Grid,
    Group,
    Mark,
    Montage,
    Picture,
    Section,
    Strip,
    Tile,
    report_page,
)
from osrmac.pages.thumbnails import Thumbnail
from osrmac.tables import Cell, Table, numeric, text
from tests.pages.html import ODD, parse

MARKS: tuple[Mark, ...] = ("query", "relevant", "wrong", "junk", "beyond")
SHOWN = Thumbnail("data:x", "file:///x")


def report(word: str) -> str:
    """Return a report with every kind of block, with this text wherever there is text."""
    lines = [Line(word, [(1, 2), (2, 3)], [0.1, 0.2]), Line(word, [(1, 1), (2, 1)], dashed=True)]
    pictures = [Picture(word, word, SHOWN, mark) for mark in MARKS]
    row = [Cell(word, detail=word), Cell(word, share=0.5, best=True)]
    charts: list[LineChart | Histogram] = [
        LineChart(word, word, word, lines, word),
        Histogram(word, word, [(word, 3)], word),
    ]
    blocks: list[Block] = [
        DefinitionList({word: word}),
        Table(word, text(word, word), [row], [word]),
        Grid([*charts, DefinitionList({word: word}), Table(word, text(word, word), [row])]),
        Galleries(word, [Gallery(word, [*pictures, Picture(word, word)], word)], word),
        Folded(word, [Table(word, text(word), [[word]])]),
        Montage(word, [Group(word, [*pictures, Picture(word, word)], [word] * 5)], word),
    ]
    strip = Strip(word, [Picture(word, "", SHOWN)], word)
    section = Section(word, blocks, word, technical=word, small=True)
    return report_page(word, word, [Tile(word, word, word, alarm=True)], [section], {word: word}, strip)


def test_odd_names_in_a_report_are_only_text() -> None:
    plain, odd = parse(report("x")), parse(report(ODD))
    assert [tag for tag, _ in odd.tags] == [tag for tag, _ in plain.tags]
    assert odd.texts.count(ODD) == plain.texts.count("x")
    assert set(odd.values("img", "alt")) == {ODD}


def test_verdicts_do_not_depend_on_colour_and_are_read_aloud() -> None:
    page = parse(report("x"))
    assert [value for value in page.values("li", "class") if value] == ["alarm", *MARKS]
    for sign in ("✓", "right", "✗", "wrong", "○", "not counted", "after the last right one", " (best)"):
        assert sign in page.texts
    assert page.texts.count("✗") == 1  # what is dimmed has no cross


def test_the_title_of_the_page_names_the_collection() -> None:
    page = parse(report_page("harbour", "1,100 images", [], [], {}))
    assert {"harbour: report", "harbour", "1,100 images"} <= set(page.texts)


def test_a_group_shows_the_first_hundred_of_its_names() -> None:
    names = [f"{number}.jpg" for number in range(1234)]
    group = Group("1,234 images", [Picture(name, "", SHOWN) for name in names[:3]], names)
    page = parse(report_page("t", "", [], [Section("p", [Montage("m", [group])])], {}))
    assert page.values("img", "alt") == names[:3]
    assert "mosaic of-3" in page.values("span", "class")
    assert {"1,234 images", "99.jpg", "and 1,134 more"} <= set(page.texts)
    assert "100.jpg" not in page.texts


def test_a_gallery_without_a_title_has_no_heading() -> None:
    section = Section("p", [Galleries("g", [Gallery("", [Picture("a", "", SHOWN)])])])
    assert not page_headings(report_page("t", "", [], [section], {}))


def page_headings(page: str) -> list[str]:
    return [tag for tag, _ in parse(page).tags if tag == "h4"]


def test_a_chart_has_a_description_and_its_numbers() -> None:
    lines = [Line("a", [(32, 40), (64, 61.25)]), Line("b", [(64, 50)])]
    chart = LineChart("Score", "features", "mAP", lines, "a is best.")
    page = parse(report_page("t", "", [], [Section("p", [Grid([chart])])], {}))
    assert "Score. a is best." in page.values("svg", "aria-label")
    texts = [text for text in page.texts if text.strip()]
    start = texts.index("features", texts.index("The numbers"))
    assert texts[start : start + 8] == ["features", "a", "b", "32", "40.0", "64", "61.2", "50.0"]
    assert "b, features 64: 50.0" in texts


def test_numbers_are_aligned_to_the_right_and_words_to_the_left() -> None:
    table = Table("t", text("name") + numeric("dims"), [("a", "1")])
    page = parse(report_page("t", "", [], [Section("p", [table])], {}))
    assert page.values("td", "class") == ["right"]
    assert page.values("th", "class") == ["left", "right", "left"]
