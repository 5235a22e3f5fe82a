"""How long each stage took, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osrmac.pages.components import Block, Cell, Part, Table

__all__ = ["duration", "rate", "times"]


def times(stages: Mapping[str, Mapping[str, Any]]) -> Part | None:
    """The section of the times, or None if no stage is done.

    Args:
        stages: By name, as `run.json` has them.
    """
    if not stages:
        return None
    longest = max(stage["seconds"] for stage in stages.values()) or 1
    rows = [
        (
            name,
            Cell(duration(stage["seconds"]), stage["seconds"] / longest),
            rate(stage),
            str(stage["finished"]).replace("T", " ").replace("+00:00", " UTC"),
        )
        for name, stage in stages.items()
    ]
    note = "Each as it was last done; a stage that goes on where another process was stopped counts from there."
    blocks: list[Block] = [Table("Stages", ("stage", "took", "throughput", "finished"), rows, note)]
    extraction = stages.get("extract", {})
    if extraction.get("profile"):
        blocks.append(_spent(**extraction["profile"]))
    if extraction.get("nodes"):
        blocks.append(_machines(extraction["nodes"]))
    return Part("Times", blocks)


def _spent(processes: int, describing: Mapping[str, float], command: Mapping[str, float]) -> Table:
    """What the describing processes did; what the command did beside waiting for them is said below."""
    total = sum(describing.values()) or 1
    rows = [
        (stage, Cell(duration(seconds), seconds / total), f"{seconds / total:.1%}")
        for stage, seconds in describing.items()
    ]
    beside = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in command.items())
    title = f"What the {processes} describing processes did, or waited for"
    return Table(title, ("stage", "took", "share"), rows, f"The command: {beside}.")


def _machines(nodes: list[Mapping[str, Any]]) -> Table:
    rows = [
        (
            duration(each["seconds"]),
            f"{each['nodes']:g}",
            f"{each['cpus']:g}",
            f"{each['gpus']:g}",
            ", ".join(each["accelerators"]),
        )
        for each in nodes
    ]
    return Table("What the extraction ran on", ("after", "nodes", "CPUs", "GPUs", "accelerators"), rows)


def rate(stage: Mapping[str, Any]) -> str:
    """Images that a stage did in a second or, if that is less than one, in a minute; empty if it did not count them."""
    if not stage.get("images") or not stage["seconds"]:
        return ""
    images = stage["images"] / stage["seconds"]
    return f"{images:.1f} images/s" if images >= 1 else f"{60 * images:.1f} images/min"


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(4.25), duration(95), duration(3725)
    ('4.2 s', '1 min 35 s', '1 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
