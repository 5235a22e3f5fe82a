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
    "Folded",
    "Galleries",
    "Gallery",
    "Grid",
    "Group",
    "Mark",
    "Montage",
    "Picture",
    "Section",
    "Strip",
    "Tile",
    "report_page",
]

Mark = Literal["", "query", "relevant", "wrong", "junk", "beyond"]
"""Role of a picture: the query, a match as the ground truth judges it, a wrong match after the last relevant one, which
counts for nothing, or none of these."""


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


@dataclass(frozen=True)
class Folded:
    """Tables that are shown on request.

    Attributes:
        title: Title, which shows them.
        blocks: At least one table.
    """

    title: str
    blocks: Sequence[Table]


Block = Table | DefinitionList | Folded | Grid | Galleries | Montage


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Attributes:
        title: Title of the section, unique on the page.
        blocks: At least one block.
        note: Introduction to the section.
        technical: Technical name of what the section shows, beside its title.
        small: Whether the section is in small type.
    """

    title: str
    blocks: Sequence[Block]
    note: str = ""
    technical: str = ""
    small: bool = False


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


@dataclass(frozen=True)
class Strip:
    """Pictures side by side without captions.

    Attributes:
        title: What they show, for readers who do not see them.
        pictures: Pictures with thumbnails.
        note: Remark below them.
    """

    title: str
    pictures: Sequence[Picture]
    note: str


def report_page(
    title: str,
    subtitle: str,
    tiles: Sequence[Tile],
    sections: Sequence[Section],
    footer: Mapping[str, str],
    strip: Strip | None = None,
) -> str:
    """Return a report as a self-contained HTML page, light or dark as the reader's system is, without scripts.

    Args:
        title: Title of the page.
        subtitle: Line below the title.
        tiles: Numbers to see first.
        sections: Sections, which a navigation bar links to.
        footer: Provenance of the report, by term.
        strip: Pictures to open with.
    """
    return render(
        "report.html", title=title, subtitle=subtitle, strip=strip, tiles=tiles, sections=sections, footer=footer
    )
