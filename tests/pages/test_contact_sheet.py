"""The page as a parser of HTML reads it."""

from osrmac.pages.contact_sheet import Picture, Section, sheet
from tests.pages.soundness import ODD, Parsed


def test_odd_names_are_text_and_nothing_else() -> None:
    plain = Parsed(sheet("x", {"x": "x"}, [Section("x", [Picture("x", "x", "data:x", "file:///x")])]))
    odd = Parsed(sheet(ODD, {ODD: ODD}, [Section(ODD, [Picture(ODD, ODD, "data:x", "file:///x")])]))
    assert [tag for tag, _ in odd.tags] == [tag for tag, _ in plain.tags]
    assert odd.texts.count(ODD) == plain.texts.count("x") == 7
    (image,) = (given for tag, given in odd.tags if tag == "img")
    assert image == {"src": "data:x", "alt": ODD}


def test_a_page_needs_nothing_from_elsewhere() -> None:
    pictures = [Picture("a", "query", "data:a", "file:///a", "query"), Picture("b", "1"), Picture("c", "2", "data:c")]
    page = Parsed(sheet("Search", {"distance": "l1"}, [Section("a", pictures)]))
    sources = [value for _, given in page.tags for key, value in given.items() if key in {"src", "href"}]
    assert sources == ["data:,", "file:///a", "data:a", "data:c"]
    assert not {"script", "iframe"} & {tag for tag, _ in page.tags}
    assert [given.get("class") for tag, given in page.tags if tag == "li"] == ["query", None, None]
    assert "cannot be shown" in "".join(page.texts)
