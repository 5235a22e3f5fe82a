"""The section of the images that could not be described, with what can be seen of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from osrmac.pages.components import Block, Galleries, Gallery, Picture, Section
from osrmac.pages.thumbnails import Thumbnail
from osrmac.runs.failures import Failures
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["failures_section"]

_WORDS = {
    "fetch": "while the file was read",
    "decode": "while the picture was decoded",
    "crop": "while the picture was cropped",
    "describe": "while the picture was described",
}
"""Stages in words."""

_EXCEPTION = re.compile(r"^[A-Z]\w*: ")


def failures_section(failures: Sequence[Failures], thumbnails: Mapping[str, Thumbnail]) -> Section | None:
    """Return the section, or None if no image has failed.

    Args:
        failures: Groups of failed images, the largest first.
        thumbnails: Thumbnails of damaged files by id, as far as they can be decoded.
    """
    if not failures:
        return None
    galleries = [gallery for kind in failures if (gallery := _gallery(kind, thumbnails)).pictures]
    blocks: list[Block] = [_table(failures)]
    if galleries:
        blocks.insert(0, Galleries("What can be seen of them", galleries, "As much of each file as can be decoded."))
    note = "They are in no search result. Repair or replace the files, and run the same command again."
    return Section("Images left out", blocks, note, technical="could not be described")


def _gallery(kind: Failures, thumbnails: Mapping[str, Thumbnail]) -> Gallery:
    shown = {image: thumbnails[image] for image in kind.first if image in thumbnails and thumbnails[image].source}
    pictures = [Picture(image, "", thumbnail) for image, thumbnail in shown.items()]
    message = _EXCEPTION.sub("", kind.example or kind.reason)
    return Gallery(message, pictures, f"{len(pictures)} of {kind.count:,}")


def _table(failures: Sequence[Failures]) -> Table:
    rows = [
        (
            Cell(kind.reason, detail=" · ".join(_details(kind))),
            f"{kind.count:,}",
            ", ".join(kind.first),
        )
        for kind in failures
    ]
    return Table("Reasons", text("reason") + numeric("images") + text("examples"), rows)


def _details(kind: Failures) -> Iterator[str]:
    yield f"{_WORDS.get(kind.stage, 'while it was processed')} ({kind.stage})"
    if kind.example:
        yield f"for example {kind.example}"
