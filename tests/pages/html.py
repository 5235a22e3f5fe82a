"""Parse a page, and check what holds for every page of osrmac."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

ODD = "<script>alert(1)</script> \"'& {{ 7 * 7 }}\n\u202egpj.\u05d0 .jpg"
"""A file name full of characters with a meaning in HTML, in templates or for the direction of text."""

VOID = {"meta", "link", "img", "br", "hr", "wbr"}


class ParsedPage(HTMLParser):
    """A page as its tags with their attributes, and the texts between them; wrong nesting fails.

    Places where a text may be wrapped do not divide it.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self._wrapped = False
        self.feed(page)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def values(self, tag: str, attribute: str) -> list[str | None]:
        """Return an attribute of all tags of a name."""
        return [attributes.get(attribute) for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"a repeated attribute: {attrs}"
        self._wrapped = tag == "wbr"
        if not self._wrapped:
            self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} is closed before its content"

    def handle_data(self, data: str) -> None:
        if self._wrapped:
            self.texts[-1] += data
        else:
            self.texts.append(data)
        self._wrapped = False


def parse(page: str) -> ParsedPage:
    """Parse a page, and check that it is valid, self-contained, free of scripts, and accessible."""
    parsed = ParsedPage(page)
    names = [tag for tag, _ in parsed.tags]
    assert not {"script", "iframe", "object", "embed", "form", "base"} & set(names)
    given = [(tag, name, value or "") for tag, attributes in parsed.tags for name, value in attributes.items()]
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
    assert all(parsed.values("img", "alt"))
    assert all(
        attributes.get("aria-label") for _, attributes in parsed.tags if attributes.get("role") in {"img", "region"}
    )
    assert "url(" not in page.replace("url(data:", "")
    assert "@import" not in page
    return parsed
