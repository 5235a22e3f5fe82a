"""Contact sheets of a run's search results and near-duplicates."""

from pathlib import Path

import pytest

from osrmac.pages.contact_sheet import duplicates_sheet, search_sheet
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.runs.queries import SearchResult
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult
from tests.pages.html import parse

pytestmark = pytest.mark.usefixtures("local_ray")


def test_a_search_shows_each_query_before_its_matches(finished: Run, photos: Path) -> None:
    uris = [str(photos / "even" / "00.png"), str(photos / "copy0.png")]
    first = Match("copy0.png", 1, 0.25, uris[1], score=0.75, tied=True)
    matches = (first, Match("lost.png", 2, 1.5, str(photos / "lost.png")))
    queries = (
        QueryResult("even/00.png", matches, uri=uris[0], box=(0.0, 0.0, 70.0, 120.0)),
        QueryResult("copy0.png", (), uri=uris[1]),
    )
    page = parse(search_sheet(finished.url, SearchResult("single", "l1", queries, {"re-ranking": "superglobal"})))
    assert [text for text in page.texts if text in {"even/00.png", "copy0.png", "lost.png"}] == [
        *("even/00.png", "even/00.png", "copy0.png", "lost.png"),
        *("copy0.png", "copy0.png"),
    ]
    captions = {"query, box 0 0 70 120", "1 · 0.250 · score 0.750 · tied", "2 · 1.500"}
    assert captions | {"single", "l1", "re-ranking", "superglobal"} <= set(page.texts)
    assert [value for value in page.values("li", "class") if value] == ["query", "query"]
    framed, match, query = page.values("img", "src")
    assert framed != match == query  # the files are equal, but the box is drawn into the first
    assert "".join(page.texts).count("cannot be shown") == 1


def test_the_region_of_a_match_is_framed_and_named(finished: Run, photos: Path) -> None:
    uri = str(photos / "copy0.png")
    matches = (Match("copy0.png", 1, 0.25, uri, box=(0, 0, 45, 60)), Match("even/00.png", 2, 0.25, uri))
    result = SearchResult("rmac_regions+match", "l1", (QueryResult("q", matches, uri=uri),))
    page = parse(search_sheet(finished.url, result))
    assert {"1 · 0.250 · box 0 0 45 60", "2 · 0.250", "query"} <= set(page.texts)
    query, framed, plain = page.values("img", "src")
    assert query == plain != framed


def test_near_duplicates_are_shown_by_group(finished: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pair(number: int) -> tuple[Twin, ...]:
        names = f"copy{number}.png", f"{'odd' if number % 2 else 'even'}/{number:02d}.png"
        return tuple(Twin(name, str(photos / name), 90, 120, 0.125, keep=name == names[0]) for name in names)

    duplicates = Duplicates("single", "l1", 0.5, 0.9, "as given", 2, 0, (pair(0), pair(1)))
    page = parse(duplicates_sheet(finished.url, duplicates))
    assert {"Group 1, 2 images", "Group 2, 2 images", "keep · 90 x 120 · 0.125", "90 x 120 · 0.125"} <= set(page.texts)
    assert "0.5 (l1, pixels agree by 0.90, as given)" in page.texts
    assert len(page.values("img", "src")) == 4

    monkeypatch.setattr("osrmac.pages.contact_sheet._MAX_GROUPS", 1)
    page = parse(duplicates_sheet(finished.url, duplicates))
    assert len(page.values("section", "class")) == 1
    assert {"2, the first 1 of them shown", "4"} <= set(page.texts)
