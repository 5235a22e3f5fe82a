"""Contact sheets of a run's search results."""

from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.pages import contact_sheet as module
from osrmac.pages.contact_sheet import search_sheet
from osrmac.runs.queries import SearchResult
from osrmac.storage.run import Run
from osrmac.types import Match, OwnValue, QueryResult
from tests.pages.html import ODD, ParsedPage, parse

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture(autouse=True)
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line at a distance of 1."""
    monkeypatch.setattr(module, "scene_cut", lambda *_: 1.0)


@pytest.fixture
def result(photos: Path) -> SearchResult:
    """A search by an image of the run, which finds itself, and by another one, which finds nothing."""
    names = ("copy0.png", "even/00.png", "even/02.png", "lost.png")
    distances = (0.0, 0.5, 2.0, 4.0)
    matches = tuple(
        Match(name, rank, distance, str(photos / name))
        for rank, (name, distance) in enumerate(zip(names, distances, strict=True), 1)
    )
    queries = (
        QueryResult("copy0.png", matches, uri=str(photos / "copy0.png")),
        QueryResult("./even/02.png", (), uri=str(photos / "even" / "02.png")),
    )
    return SearchResult("single", "l1", queries)


def headings(page: ParsedPage) -> list[str]:
    return [text for text in page.texts if text in {"Likely the same", "Similar"}]


def lengths(page: ParsedPage) -> list[float]:
    """Return the lengths of the bars in the list of results; each is repeated in the larger view."""
    bars = [given for tag, given in page.tags if tag == "rect" and given.get("class") == "length"]
    return [float(bar["width"] or "") for bar in bars[1::2]]


def test_the_query_is_not_its_own_result_and_the_line_divides_the_others(finished: Run, result: SearchResult) -> None:
    page = parse(search_sheet(finished.url, result))
    assert [text for text in page.texts if text in {"1", "2", "3", "4"}] == ["2", "2", "3", "3", "4", "4"]
    assert {"finds itself as result 1", "No other image was found.", "single", "l1"} <= set(page.texts)
    assert headings(page) == ["Likely the same", "Similar"]
    assert lengths(page) == [12.5, 50, 100]
    assert {given["x1"] for tag, given in page.tags if tag == "line"} == {"25.0", "40"}
    assert {"0.500", "2.000", "4.000"} <= set(page.texts)


def test_each_image_is_embedded_once_and_those_that_are_lost_are_named(finished: Run, result: SearchResult) -> None:
    page = parse(search_sheet(finished.url, result))
    sources = page.values("image", "href")
    assert len(sources) == len(set(sources)) == 2  # even/00.png is a copy of copy0.png
    assert "".join(page.texts).count("cannot be shown") == 2
    assert page.texts.count("lost.png") == 2


def test_every_result_has_a_larger_view_beside_the_query(finished: Run, result: SearchResult) -> None:
    page = parse(search_sheet(finished.url, result))
    links = [link for link in page.values("a", "href") if link and not link.startswith("file:")]
    assert links == [
        *("#large-1-2", "#large-1-3", "#view-1-2"),
        *("#large-1-3", "#large-1-2", "#large-1-4", "#view-1-3"),
        *("#large-1-4", "#large-1-3", "#view-1-4"),
    ]


def test_there_is_no_line_where_other_distances_were_compared(finished: Run, result: SearchResult) -> None:
    matches = tuple(replace(match, score=0.75, tied=True) for match in result.queries[0].matches)
    queries = (replace(result.queries[0], matches=matches),)
    page = parse(search_sheet(finished.url, replace(result, queries=queries, conditions={"re-ranking": "superglobal"})))
    assert not headings(page)
    assert not [tag for tag, _ in page.tags if tag == "line"]
    assert {"re-ranking", "superglobal", "score 0.750 · tied"} <= set(page.texts)

    boxed = replace(result.queries[0], box=(0.0, 0.0, 70.0, 120.0))
    page = parse(search_sheet(finished.url, replace(result, queries=(boxed,))))
    assert not headings(page)
    assert "box 0 0 70 120 · finds itself as result 1" in page.texts
    frames = [given for tag, given in page.tags if tag == "rect" and given.get("class") == "box"]
    assert [(each["x"], each["width"], each["height"]) for each in frames] == [("0.0", "70.0", "120.0")] * 4


def test_a_collection_without_a_cut_has_bars_only(
    finished: Run, result: SearchResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "scene_cut", lambda *_: None)
    page = parse(search_sheet(finished.url, result))
    assert not headings(page)
    assert not [tag for tag, _ in page.tags if tag == "line"]


def test_the_region_of_a_match_is_framed_and_named(finished: Run, photos: Path) -> None:
    uri = str(photos / "copy0.png")
    matches = (Match("copy0.png", 1, 0.25, uri, box=(0, 0, 45, 60)), Match("even/00.png", 2, 0.25, uri))
    found = SearchResult("single", "l1", (QueryResult("q", matches, uri=uri),))
    page = parse(search_sheet(finished.url, found))
    assert "box 0 0 45 60" in page.texts
    assert page.values("rect", "class").count("box") == 2
    assert len(page.values("image", "href")) == 1


def test_odd_names_are_only_text(finished: Run) -> None:
    def page(name: str) -> ParsedPage:
        query = QueryResult(name, (Match(name, 1, 1.0, "/x"),))
        return parse(search_sheet(finished.url, SearchResult("single", "l1", (query,))))

    plain, odd = page("x"), page(ODD)
    assert [tag for tag, _ in plain.tags] == [tag for tag, _ in odd.tags]
    assert plain.texts.count("x") == odd.texts.count(ODD) == 4


def test_the_users_own_columns_are_below_a_result_as_they_are(finished: Run, result: SearchResult) -> None:
    first = result.queries[0]
    own: dict[str, OwnValue] = {"title": "<b>A</b>", "year": 1901, "licence": None}
    matches = tuple(replace(match, columns=own) for match in first.matches[:2])
    page = parse(search_sheet(finished.url, replace(result, queries=(replace(first, matches=matches),))))
    assert [text for text in page.texts if text in {"title", "<b>A</b>", "year", "1901"}] == 2 * [
        *("title", "<b>A</b>", "year", "1901")
    ]
    assert "licence" not in page.texts
