"""Tables as data, built by pure functions and rendered for a terminal, as Markdown or in a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Cell", "Column", "Table", "numeric", "text"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Heading of the column.
        align: Side to which its cells are aligned.
    """

    name: str
    align: Literal["left", "right"] = "left"


def text(*names: str) -> tuple[Column, ...]:
    """Return left-aligned columns, for words.

    >>> text("id") + numeric("dims")
    (Column(name='id', align='left'), Column(name='dims', align='right'))
    """
    return tuple(Column(name, "left") for name in names)


def numeric(*names: str) -> tuple[Column, ...]:
    """Return right-aligned columns, for numbers."""
    return tuple(Column(name, "right") for name in names)


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: Text of the cell.
        detail: Text of a second, smaller line; pages only.
        share: Length of a bar beside the text, 0..1, or None for no bar; pages only.
        best: Whether the cell holds the best value of its column, and is emphasised.
    """

    text: str
    detail: str = ""
    share: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Attributes:
        title: Heading of the table.
        columns: Columns from left to right.
        rows: Cells of each row; a text alone stands for a plain cell.
        notes: Remarks below the table, such as the conditions of a measurement.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Cell]]
    notes: Sequence[str] = ()

    @property
    def cells(self) -> list[list[Cell]]:
        """All rows as `Cell`s."""
        return [[Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows]

    def markdown(self) -> str:
        r"""Return the table as Markdown, under a heading of the third level.

        >>> rows = [("a|b", Cell("512", best=True))]
        >>> print(Table("Sizes", text("name") + numeric("dims"), rows, ["two", "notes"]).markdown())
        ### Sizes
        <BLANKLINE>
        | name | dims |
        | --- | ---: |
        | a\|b | **512** |
        <BLANKLINE>
        two; notes
        <BLANKLINE>
        """
        lines = [
            _markdown_row(column.name for column in self.columns),
            _markdown_row("---" if column.align == "left" else "---:" for column in self.columns),
            *(_markdown_row(_markdown_cell(cell) for cell in row) for row in self.cells),
        ]
        notes = ["", "; ".join(self.notes)] if self.notes else []
        return "\n".join([f"### {self.title}", "", *lines, *notes, ""])


def _markdown_cell(cell: Cell) -> str:
    escaped = cell.text.replace("|", r"\|").replace("\n", " ")
    return f"**{escaped}**" if cell.best and escaped else escaped


def _markdown_row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"
