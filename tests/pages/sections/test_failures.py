from osrmac.pages.components import Galleries
from osrmac.pages.sections.failures import failures_section
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail
from osrmac.runs.failures import Failures
from osrmac.tables import Cell, Table

TRUNCATED = Failures("decode", "truncated", 7, ("a.jpg", "b.jpg"))
GONE = Failures("fetch", "FileNotFoundError", 2, ("c.jpg",), example="FileNotFoundError: c.jpg")


def test_damaged_files_are_shown_as_far_as_possible_before_the_reasons() -> None:
    section = failures_section([TRUNCATED, GONE], {"a.jpg": Thumbnail("data:a", ""), "b.jpg": NO_THUMBNAIL})
    assert section is not None
    galleries, table = section.blocks
    assert isinstance(galleries, Galleries)
    (gallery,) = galleries.galleries
    assert (gallery.title, gallery.note) == ("truncated", "1 of 7")
    assert [picture.name for picture in gallery.pictures] == ["a.jpg"]
    assert isinstance(table, Table)
    assert table.rows == [
        (Cell("truncated", detail="while the picture was decoded (decode)"), "7", "a.jpg, b.jpg"),
        (
            Cell("FileNotFoundError", detail="while the file was read (fetch) · for example FileNotFoundError: c.jpg"),
            "2",
            "c.jpg",
        ),
    ]


def test_a_gallery_is_named_by_the_message_without_its_exception() -> None:
    section = failures_section([GONE], {"c.jpg": Thumbnail("data:c", "")})
    assert section is not None
    (galleries, _) = section.blocks
    assert isinstance(galleries, Galleries)
    assert galleries.galleries[0].title == "c.jpg"


def test_what_cannot_be_shown_at_all_is_only_listed() -> None:
    section = failures_section([TRUNCATED], {})
    assert section is not None
    assert [type(block) for block in section.blocks] == [Table]


def test_without_failures_there_is_no_section() -> None:
    assert failures_section([], {}) is None
