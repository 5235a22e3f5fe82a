"""A page of sections, each of them a sequence of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osrmac.pages.charts import Bars, Chart
from osrmac.pages.contact_sheet import Picture
from osrmac.pages.rendering import render

__all__ = ["Beside", "Block", "Cell", "Facts", "Part", "Strips", "Table", "Tile", "page"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it says.
        share: Length of a bar beside the text, 0..1; None for no bar.
        best: Whether it is the best of its column.
        under: What is said below the text, in the first column.
    """

    text: str
    share: float | None = None
    best: bool = False
    under: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column names its rows.

    Attributes:
        title: What is in it.
        columns: Their names.
        rows: Texts or cells.
        note: What else there is to say, below it.
        texts: Which columns hold text beside the first, and stand to the left.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    note: str = ""
    texts: Sequence[str] = ()

    kind = "table"

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows as cells."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Facts:
    """What the page says in few words, by what it says it of."""

    values: Mapping[str, str]

    kind = "facts"


@dataclass(frozen=True)
class Beside:
    """Blocks beside each other, where there is room for that."""

    blocks: Sequence[Chart | Bars | Facts | Table]

    kind = "beside"


@dataclass(frozen=True)
class Strips:
    """Rows of pictures.

    Attributes:
        title: Of all of them.
        strips: For each what it is called, what else is said of it, and its pictures.
        note: What there is to say of all of them.
    """

    title: str
    strips: Sequence[tuple[str, str, Sequence[Picture]]]
    note: str = ""

    kind = "strips"


Block = Table | Facts | Beside | Strips


@dataclass(frozen=True)
class Part:
    """A section of the page.

    Attributes:
        title: Unique on the page.
        blocks: At least one.
        note: What there is to say before them.
    """

    title: str
    blocks: Sequence[Block]
    note: str = ""


@dataclass(frozen=True)
class Tile:
    """A number that stands out.

    Attributes:
        value: The number.
        label: What it counts.
        note: What else there is to say of it.
        alarm: Whether it asks for attention.
    """

    value: str
    label: str
    note: str = ""
    alarm: bool = False


def page(title: str, lead: str, tiles: Sequence[Tile], parts: Sequence[Part], foot: Mapping[str, str]) -> str:
    """The page: light or dark as the reader's system is, without a script, and complete in itself.

    Args:
        title: Of the page.
        lead: What it is about, in a line.
        tiles: The numbers to see first.
        parts: Its sections.
        foot: What it was made from.
    """
    return render("report.html", title=title, lead=lead, tiles=tiles, parts=parts, foot=foot)
