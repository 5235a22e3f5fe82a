"""A contact sheet: one HTML file that holds everything it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["Picture", "Section", "sheet"]

_TEMPLATES = Environment(
    loader=PackageLoader("osrmac.retrieval"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Picture:
    """A picture on the sheet.

    Attributes:
        name: What it is called.
        note: What else is said of it.
        source: A data URI; empty if it cannot be shown.
        link: Where a browser finds it whole, or empty.
    """

    name: str
    note: str
    source: str = ""
    link: str = ""


@dataclass(frozen=True)
class Section:
    """Pictures that belong together.

    Attributes:
        title: Of the section.
        pictures: In the order in which they are shown.
        lead: How many of the first are set apart, as what was asked with.
    """

    title: str
    pictures: Sequence[Picture]
    lead: int = 0


def sheet(title: str, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The page, light or dark as the reader's system is, and as readable on a phone.

    Args:
        title: Of the page.
        facts: What the page should say of itself.
        sections: What is shown.
    """
    page: str = _TEMPLATES.get_template("sheet.html").render(title=title, facts=facts, sections=sections)
    return page
