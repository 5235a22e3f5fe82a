import pytest

from osrmac.pages.components import Galleries, Gallery, Picture
from osrmac.pages.sections.queries import QueryExtremes, queries_section
from osrmac.pages.thumbnails import Thumbnail
from osrmac.types import Match, QueryResult, Verdict

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
        Picture("a", "2", mark="beyond"),
    ]


def gallery_of(result: QueryResult, measure: str = "mAP") -> Gallery:
    section = queries_section([QueryExtremes("groups", measure, [], [result])], {})
    assert section is not None
    (galleries,) = section.blocks
    assert isinstance(galleries, Galleries)
    assert galleries.title == "Worst: groups"
    return galleries.galleries[0]


def answer(verdicts: str, positives: int) -> QueryResult:
    """Return a result with a match for each letter: right, wrong or junk."""
    words: dict[str, Verdict] = {"r": "relevant", "w": "wrong", "j": "junk"}
    matches = tuple(Match(str(rank), rank, verdict=words[verdict]) for rank, verdict in enumerate(verdicts, 1))
    return QueryResult("q", matches, image="a", values={"mAP": 50.0}, positives=positives)


@pytest.mark.parametrize(
    ("verdicts", "positives", "marks"),
    [
        ("rrwwj", 2, "rr--j"),  # a perfect answer has nothing wrong
        ("wrrww", 2, "wrr--"),
        ("rrwww", 3, "rrwww"),  # one is missing, and is after all of these
        ("wwwww", 1, "wwwww"),
    ],
)
def test_what_is_after_the_last_relevant_image_is_dimmed(verdicts: str, positives: int, marks: str) -> None:
    shown = [picture.mark for picture in gallery_of(answer(verdicts, positives)).pictures[1:]]
    letters = {"relevant": "r", "wrong": "w", "junk": "j", "beyond": "-"}
    assert "".join(letters[mark] for mark in shown) == marks


@pytest.mark.parametrize(
    ("verdicts", "positives", "words"),
    [
        ("rrwww", 2, "all 2 right ones first"),
        ("jrrww", 2, "all 2 right ones first"),
        ("wrwrw", 2, "all 2 right ones among the first 4"),
        ("wrwjw", 1, "the only right one among the first 2"),
        ("rrjww", 1200, "2 of the first 4 right, 1,200 to be found"),
        ("wwwww", 3, "none of the first 5 right, 3 to be found"),
    ],
)
def test_an_answer_is_summed_up_in_words(verdicts: str, positives: int, words: str) -> None:
    assert gallery_of(answer(verdicts, positives)).note == f"{words} · AP 50.00"


def test_a_query_is_shown_with_its_score() -> None:
    assert gallery_of(RESULT).note == "the only right one first · AP 50.00"
    assert gallery_of(RESULT, "N-S").note == "the only right one first · N-S 3.00"


def test_without_queries_there_is_no_section() -> None:
    assert queries_section([], {}) is None
