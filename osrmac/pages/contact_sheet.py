"""A contact sheet: one HTML file that holds everything it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from osrmac.pages.rendering import render

__all__ = ["Mark", "Picture", "Section", "sheet"]

Mark = Literal["", "query", "relevant", "wrong", "junk"]


@dataclass(frozen=True)
class Picture:
    """A picture on the sheet.

    Attributes:
        name: What it is called.
        note: What else is said of it.
        source: A data URI; empty if it cannot be shown.
        link: Where a browser finds it whole, or empty.
        mark: Its frame: that of what was asked with, or of whether it should have been found; empty for none.
    """

    name: str
    note: str
    source: str = ""
    link: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class Section:
    """Pictures that belong together.

    Attributes:
        title: Of the section.
        pictures: In the order in which they are shown.
    """

    title: str
    pictures: Sequence[Picture]


def sheet(title: str, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The page, light or dark as the reader's system is, and as readable on a phone.

    Args:
        title: Of the page.
        facts: What the page should say of itself.
        sections: What is shown.
    """
    return render("sheet.html", title=title, facts=facts, sections=sections)
