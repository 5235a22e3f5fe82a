"""The components of a page: sections of blocks, such as tables, charts and galleries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from osrmac.pages.charts import Histogram, LineChart
from osrmac.pages.rendering import render
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail
from osrmac.tables import Table

__all__ = [
    "Block",
    "DefinitionList",
    "Galleries",
    "Gallery",
    "Grid",
    "Group",
    "Mark",
    "Montage",
    "Picture",
    "Section",
    "Tile",
    "contact_sheet_page",
    "report_page",
]

Mark = Literal["", "query", "relevant", "wrong", "junk"]
"""Role of a picture: the query, a match as the ground truth judges it, or neither."""


@dataclass(frozen=True)
class Picture:
    """A captioned thumbnail.

    Attributes:
        name: Name of the image.
        note: Rest of the caption.
        thumbnail: Thumbnail of the image; a placeholder is shown if it is empty.
        mark: Role of the picture, shown by its frame.
    """

    name: str
    note: str
    thumbnail: Thumbnail = NO_THUMBNAIL
    mark: Mark = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures under a title.

    Attributes:
        title: Title of the gallery.
        pictures: Pictures in the order in which they are shown.
        note: Remark beside the title.
    """

    title: str
    pictures: Sequence[Picture]
    note: str = ""


@dataclass(frozen=True)
class Galleries:
    """Galleries of small pictures in a card.

    Attributes:
        title: Title of the card.
        galleries: Galleries from top to bottom.
        note: Introduction to the galleries.
    """

    title: str
    galleries: Sequence[Gallery]
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Images that belong together, as one tile of a montage.

    Attributes:
        title: Title of the tile.
        pictures: The first of the images, at least one and at most five; the first is the largest.
        names: Names of all images.
    """

    title: str
    pictures: Sequence[Picture]
    names: Sequence[str]


@dataclass(frozen=True)
class Montage:
    """Groups of images in a card.

    Attributes:
        title: Title of the card.
        groups: Groups in the order in which they are shown.
        note: Introduction to the groups.
    """

    title: str
    groups: Sequence[Group]
    note: str = ""


@dataclass(frozen=True)
class DefinitionList:
    """Terms and their values."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Grid:
    """Blocks side by side, as far as the width of the screen permits."""

    blocks: Sequence[LineChart | Histogram | DefinitionList | Table]


Block = Table | DefinitionList | Grid | Galleries | Montage


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Attributes:
        title: Title of the section, unique on the page.
        blocks: At least one block.
        note: Introduction to the section.
    """

    title: str
    blocks: Sequence[Block]
    note: str = ""


@dataclass(frozen=True)
class Tile:
    """A number that stands out at the top of a report.

    Attributes:
        value: The number.
        label: What the number counts or measures.
        note: Remark below the label.
        alarm: Whether the number needs attention.
    """

    value: str
    label: str
    note: str = ""
    alarm: bool = False


def report_page(
    title: str, subtitle: str, tiles: Sequence[Tile], sections: Sequence[Section], footer: Mapping[str, str]
) -> str:
    """Return a report as a self-contained HTML page, light or dark as the reader's system is, without scripts.

    Args:
        title: Title of the page.
        subtitle: Line below the title.
        tiles: Numbers to see first.
        sections: Sections, which a navigation bar links to.
        footer: Provenance of the report, by term.
    """
    return render("report.html", title=title, subtitle=subtitle, tiles=tiles, sections=sections, footer=footer)


def contact_sheet_page(title: str, facts: Mapping[str, str], galleries: Sequence[Gallery]) -> str:
    """Return galleries as a self-contained HTML page, light or dark as the reader's system is, without scripts.

    Args:
        title: Title of the page.
        facts: Facts below the title, by term.
        galleries: Galleries from top to bottom.
    """
    return render("contact_sheet.html", title=title, facts=facts, galleries=galleries)
