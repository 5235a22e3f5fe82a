"""The section of the images that could not be described, with what can be seen of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from osrmac.pages.components import Block, Galleries, Gallery, Picture, Section
from osrmac.pages.thumbnails import Thumbnail
from osrmac.runs.failures import Failures
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["failures_section"]

_WORDS = {
    "fetch": "reading the file",
    "decode": "decoding the picture",
    "crop": "cropping the picture",
    "describe": "describing the picture",
}
"""Stages in words."""


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
    number = f"{len(pictures):,} of {kind.count:,}" if len(pictures) < kind.count else f"{kind.count:,}"
    return Gallery(kind.reason, pictures, f"{number} · {_WORDS.get(kind.stage, kind.stage)}")


def _table(failures: Sequence[Failures]) -> Table:
    rows = [
        (
            Cell(kind.reason, detail=f"for example {kind.example}" if kind.example else ""),
            f"{_WORDS.get(kind.stage, kind.stage)} ({kind.stage})",
            f"{kind.count:,}",
            ", ".join(kind.first),
        )
        for kind in failures
    ]
    return Table("Reasons", text("reason", "when") + numeric("images") + text("examples"), rows)
