"""The page as a parser of HTML reads it."""

from html.parser import HTMLParser

from osrmac.pages.sheet import Picture, Section, sheet

ODD = "<script>alert(1)</script> \"'& {{ 7 * 7 }}\n\u202egpj.\u05d0 .jpg"


class Parsed(HTMLParser):
    """Tags with their attributes, and the texts between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


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
