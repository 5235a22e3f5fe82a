"""Results of an extraction and of a prune, in lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osrmac.commands.extract import Extraction
    from osrmac.commands.prune import Pruning

__all__ = ["extraction_lines", "pruning_lines"]

_SHOWN_FAILURES = 5
_SHOWN_IDS = 10


def extraction_lines(result: Extraction) -> list[str]:
    """Return a summary of an extraction."""
    changes = result.changes
    lines = [f"{result.described} images described, {result.failed} failed, {result.new} of them now: {result.run}"]
    kinds = {"have changed": changes.changed, "have moved": changes.moved, "are gone": changes.removed}
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    if told:
        lines.insert(0, f"of the images in the run, {told}; those that have moved or are gone keep their rows")
    if changes.relabelled:
        lines.insert(0, f"{changes.relabelled} images have other values in your columns: updated")
    return lines + [f"  {kind}" for kind in result.failures[:_SHOWN_FAILURES]]


def pruning_lines(result: Pruning) -> list[str]:
    """Return a summary of a prune."""
    lines = [f"an interrupted prune of {result.finished} images was finished"] if result.finished else []
    if result.already:
        lines.append(f"{result.already} images in the list were removed before")
    would = "were" if result.done else "would be"
    evaluations = f", and {len(result.evaluations)} evaluations {would} marked" if result.evaluations else ""
    lines.append(
        f"{result.images} of {result.planned} images {would} removed, from {result.shards} shards{evaluations}: "
        f"{result.run}"
    )
    more = f" and {len(result.ids) - _SHOWN_IDS} more" if len(result.ids) > _SHOWN_IDS else ""
    if result.ids:
        lines.append(f"  {', '.join(result.ids[:_SHOWN_IDS])}{more}")
    lines += [f"delete by hand the {copy['kind']} {url}, which may have them" for url, copy in result.copies.items()]
    return lines if result.done or not result.images else [*lines, "nothing is removed yet: --yes removes them"]
