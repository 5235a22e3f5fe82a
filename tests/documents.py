"""Parser of the documentation: pages, code blocks, commands, links and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)

_FENCE = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        page: Path of the page, relative to the checkout.
        heading: Title of the section that contains the block.
        language: First word of the fence, such as `python`; empty for plain text.
        special: Second word of the fence, such as `l2`; empty if there is none.
        code: Content of the block.
    """

    page: str
    heading: str
    language: str
    special: str
    code: str

    @property
    def commands(self) -> list[str]:
        """Commands of a console session, without prompts and with continuation lines joined."""
        joined = self.code.replace("\\\n", " ")
        return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]

    def __str__(self) -> str:
        return f"{self.page}: {self.heading}"


def name(page: Path) -> str:
    """Return the path of a page relative to the checkout."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    text = page.read_text()
    headings = [(match.start(), match[1]) for match in re.finditer(r"^#+ (.*)$", prose(text, " "), re.MULTILINE)]
    return [
        Block(name(page), [title for start, title in headings if start < match.start()][-1], *match.groups())
        for match in _FENCE.finditer(text)
    ]


def prose(text: str, filler: str = "") -> str:
    """Remove the code blocks, or replace each of their characters by a filler to keep all positions."""
    return _FENCE.sub(lambda match: filler * len(match[0]), text)


def spans(page: Path) -> list[str]:
    """Return the inline code of a page, each span on one line."""
    return [" ".join(match[1].split()) for match in _SPAN.finditer(prose(page.read_text()))]


def links(page: Path) -> list[str]:
    """Return the targets of the links and pictures of a page."""
    return [match[1] for match in _LINK.finditer(_SPAN.sub("", prose(page.read_text())))]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub derives from the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", prose(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def words(command: str) -> list[str]:
    """Split a shell command into words, without its comment."""
    return shlex.split(command, comments=True)


def osrmac_commands(block: Block) -> Iterator[list[str]]:
    """Return the arguments of every `osrmac` command of a block, and of every workflow submitted as a Ray job."""
    for command in block.commands:
        split = words(command)
        if split[0] == "osrmac":
            yield split[1:]
        elif "--" in split and any(word.startswith("workflows/") for word in split):
            script = next(position for position, word in enumerate(split) if word.startswith("workflows/"))
            yield [Path(split[script]).stem, *split[script + 1 :]]


def tables(page: Path) -> dict[str, list[list[str]]]:
    """Return the rows of the last table of each section by heading, without the table's header."""
    rows_by_heading = {}
    for section in re.split(r"^#+ ", prose(page.read_text()), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        for table in re.findall(r"(?:^\|.*\|$\n?)+", body, re.MULTILINE):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
            rows_by_heading[title] = rows[2:]
    return rows_by_heading
