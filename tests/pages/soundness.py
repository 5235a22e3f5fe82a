"""What holds for every page that is made here, as a parser of HTML reads it."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

ODD = "<script>alert(1)</script> \"'& {{ 7 * 7 }}\n\u202egpj.\u05d0 .jpg"
"""A name that is text and nothing else."""

VOID = {"meta", "link", "img", "br", "hr"}


class Sound(HTMLParser):
    """A page: its tags with their attributes, its headings and the text between, checked while it is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} ends before what it holds"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def sound(page: str) -> Sound:
    """The page read, if nothing in it is wrong: a script, something from elsewhere, an id twice, a heading skipped."""
    read = Sound(page)
    names = [tag for tag, _ in read.tags]
    assert not {"script", "iframe", "object", "embed", "form", "base"} & set(names)
    given = [(tag, name, value or "") for tag, of_tag in read.tags for name, value in of_tag.items()]
    assert not [name for _, name, _ in given if name.startswith("on") or name == "srcset"]
    ids = [value for _, name, value in given if name == "id"]
    assert len(ids) == len(set(ids))
    for tag, name, value in given:
        if name in {"src", "href"}:
            inside = value.startswith("#") and value[1:] in ids
            assert inside or value.startswith("data:") or (tag == "a" and value.startswith("file:///")), value
        if name in {"aria-labelledby", "aria-describedby"}:
            assert set(value.split()) <= set(ids)
    levels = [int(tag[1]) for tag in names if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    assert levels.count(1) == names.count("main") == 1
    assert all(of_tag.get("alt") for tag, of_tag in read.tags if tag == "img")
    assert all(of_tag.get("aria-label") for _, of_tag in read.tags if of_tag.get("role") in {"img", "region"})
    assert "url(" not in page.replace("url(data:", "")
    assert "@import" not in page
    return read


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
