"""The section of the time that each stage took, and of the machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osrmac.pages.components import Block, Section
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["format_duration", "format_rate", "times_section"]


def times_section(stages: Mapping[str, Mapping[str, Any]]) -> Section | None:
    """Return the section, or None if no stage has finished.

    Args:
        stages: Record of each stage by name, as stored in `run.json`.
    """
    if not stages:
        return None
    blocks: list[Block] = [_stages(stages)]
    extraction = stages.get("extract", {})
    if extraction.get("profile"):
        blocks.append(_profile(**extraction["profile"]))
    if extraction.get("nodes"):
        blocks.append(_machines(extraction["nodes"]))
    return Section("Times", blocks)


def _stages(stages: Mapping[str, Mapping[str, Any]]) -> Table:
    longest = max(stage["seconds"] for stage in stages.values()) or 1
    rows = [
        (
            name,
            Cell(format_duration(stage["seconds"]), share=stage["seconds"] / longest),
            format_rate(stage),
            str(stage["finished"]).replace("T", " ").replace("+00:00", " UTC"),
        )
        for name, stage in stages.items()
    ]
    note = "The last run of each stage; of a stage that was interrupted and resumed, the time since it was resumed."
    return Table("Stages", text("stage") + numeric("time", "throughput", "finished"), rows, [note])


def _profile(processes: int, describing: Mapping[str, float], command: Mapping[str, float]) -> Table:
    total = sum(describing.values()) or 1
    rows = [
        (activity, Cell(format_duration(seconds), share=seconds / total), f"{seconds / total:.1%}")
        for activity, seconds in describing.items()
    ]
    note = ", ".join(f"{activity} {format_duration(seconds)}" for activity, seconds in command.items())
    columns = text("activity") + numeric("time", "share")
    return Table(f"Time of the {processes} workers of the extraction", columns, rows, [f"Main process: {note}."])


def _machines(nodes: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            format_duration(node["seconds"]),
            f"{node['nodes']:g}",
            f"{node['cpus']:g}",
            f"{node['gpus']:g}",
            ", ".join(node["accelerators"]),
        )
        for node in nodes
    ]
    return Table(
        "Machines of the extraction", text("after") + numeric("nodes", "CPUs", "GPUs") + text("accelerators"), rows
    )


def format_rate(stage: Mapping[str, Any]) -> str:
    """Return the throughput of a stage in images per second or, below 1, per minute; empty if it counted no images."""
    if not stage.get("images") or not stage["seconds"]:
        return ""
    images = stage["images"] / stage["seconds"]
    return f"{images:.1f} images/s" if images >= 1 else f"{60 * images:.1f} images/min"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    >>> format_duration(4.25), format_duration(95), format_duration(3725)
    ('4.2 s', '1 min 35 s', '1 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
