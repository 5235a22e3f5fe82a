"""What is written in the documentation: its pages, blocks of code, commands, links and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Path of the page, relative to the checkout.
        heading: What it stands under.
        language: What it is written in, or nothing.
        special: What else its fence says, or nothing.
        code: What stands in it.
    """

    page: str
    heading: str
    language: str
    special: str
    code: str

    @property
    def commands(self) -> list[str]:
        """What is typed in a console, a command an item."""
        joined = self.code.replace("\\\n", " ")
        return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]

    def __str__(self) -> str:
        return f"{self.page}: {self.heading}"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    text = page.read_text()
    headings = [(found.start(), found[1]) for found in re.finditer(r"^#+ (.*)$", prose(text, " "), re.MULTILINE)]
    return [
        Block(name(page), [title for start, title in headings if start < found.start()][-1], *found.groups())
        for found in _FENCE.finditer(text)
    ]


def prose(text: str, filling: str = "") -> str:
    """The text without its blocks, or with as much filling in their place."""
    return _FENCE.sub(lambda found: filling * len(found[0]), text)


def spans(page: Path) -> list[str]:
    """Code within sentences and tables, each on one line."""
    return [" ".join(found[1].split()) for found in _SPAN.finditer(prose(page.read_text()))]


def links(page: Path) -> list[str]:
    """Where the links of a page lead."""
    return [found[1] for found in _LINK.finditer(_SPAN.sub("", prose(page.read_text())))]


def anchors(page: Path) -> set[str]:
    """The names that headings have as targets of links."""
    titles = re.findall(r"^#+ (.*)$", prose(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def written(command: str) -> list[str]:
    """The arguments of a command, its comment left out."""
    return shlex.split(command, comments=True)


def osrmac_commands(block: Block) -> Iterator[list[str]]:
    """The arguments of each `osrmac` that is typed, or submitted as a job."""
    for command in block.commands:
        words = written(command)
        if words[0] == "osrmac":
            yield words[1:]
        elif "--" in words and any(word.startswith("workflows/") for word in words):
            place = next(number for number, word in enumerate(words) if word.startswith("workflows/"))
            yield [Path(words[place]).stem, *words[place + 1 :]]


def tables(page: Path) -> dict[str, list[list[str]]]:
    """The rows of the last table below each heading, without its header."""
    found = {}
    for section in re.split(r"^#+ ", prose(page.read_text()), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        for table in re.findall(r"(?:^\|.*\|$\n?)+", body, re.MULTILINE):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
            found[title] = rows[2:]
    return found
