import pytest

from osrmac.pages.components import Galleries, Picture
from osrmac.pages.sections.queries import QueryExtremes, queries_section
from osrmac.pages.thumbnails import Thumbnail
from osrmac.types import Match, QueryResult

BOX = (0.0, 0.0, 5.0, 5.0)
MATCHES = (Match("b", 1, verdict="relevant"), Match("a", 2, verdict="wrong"))
RESULT = QueryResult("q", MATCHES, image="a", box=BOX, values={"mAP": 50.0, "N-S": 3.0}, positives=1)


def test_a_query_is_shown_with_its_box_and_its_matches_with_their_verdicts() -> None:
    extremes = QueryExtremes("groups", "mAP", [RESULT], [])
    assert extremes.images == [("a", BOX), ("b", None), ("a", None)]
    shown = {image: Thumbnail(f"data:{number}", "") for number, image in enumerate(extremes.images[:2])}
    section = queries_section([extremes], shown)
    assert section is not None
    (galleries,) = section.blocks
    assert isinstance(galleries, Galleries)
    assert galleries.title == "Best: groups"
    (gallery,) = galleries.galleries
    assert gallery.pictures == [
        Picture("a", "query", Thumbnail("data:0", ""), "query"),
        Picture("b", "1", Thumbnail("data:1", ""), "relevant"),
        Picture("a", "2", mark="wrong"),
    ]


@pytest.mark.parametrize(
    ("measure", "note"), [("mAP", "AP 50.00 · 1 relevant image"), ("N-S", "N-S 3.00 · 1 relevant image")]
)
def test_a_query_is_shown_with_its_score(measure: str, note: str) -> None:
    section = queries_section([QueryExtremes("groups", measure, [], [RESULT])], {})
    assert section is not None
    (galleries,) = section.blocks
    assert isinstance(galleries, Galleries)
    assert galleries.title == "Worst: groups"
    assert galleries.galleries[0].note == note


def test_without_queries_there_is_no_section() -> None:
    assert queries_section([], {}) is None
