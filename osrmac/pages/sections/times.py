"""The section of the time that each stage took, and of the machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osrmac.pages.components import Block, Folded, Section
from osrmac.pages.quantities import format_duration, format_rate
from osrmac.runs.summary.throughput import Throughput
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["times_section"]

_EXTRACTION = "extract"
_WORDS = {
    _EXTRACTION: "describing the images",
    "fit": "choosing the numbers to keep",
    "evaluate": "scoring",
    "prune": "removing images",
    "columns": "updating your own columns",
}
"""Stages in words."""


def times_section(stages: Mapping[str, Mapping[str, Any]], images: int) -> Section | None:
    """Return the section, or None if no stage has finished.

    Args:
        stages: Record of each stage by name, as stored in `run.json`.
        images: Number of images of the run, failed ones included.
    """
    if not stages:
        return None
    extraction = stages.get(_EXTRACTION, {})
    blocks: list[Block] = [_stages(stages, images)]
    if extraction.get("profile"):
        blocks.append(Folded("Where the time of the last extraction went", [_profile(**extraction["profile"])]))
    if extraction.get("nodes"):
        blocks.append(Folded("Machines of the last extraction", [_machines(extraction["nodes"])]))
    return Section("Times", blocks, small=True)


def _stages(stages: Mapping[str, Mapping[str, Any]], images: int) -> Table:
    whole = Throughput.of(stages.get(_EXTRACTION, {}))
    seconds = {name: stage["seconds"] for name, stage in stages.items()}
    if _EXTRACTION in stages:
        seconds[_EXTRACTION] = whole.seconds
    longest = max(seconds.values()) or 1
    rows = [
        (
            Cell(_WORDS.get(name, name), detail=name),
            Cell(format_duration(seconds[name]), share=seconds[name] / longest),
            format_rate(whole) if name == _EXTRACTION else "",
            str(stage["finished"]).replace("T", " ").replace("+00:00", " UTC"),
        )
        for name, stage in stages.items()
    ]
    columns = text("stage") + numeric("time", "throughput", "finished")
    return Table("Stages", columns, rows, [_measured(whole, images)] if _EXTRACTION in stages else [])


def _measured(whole: Throughput, images: int) -> str:
    """Say how many images were described in the time of the extraction."""
    measured = f"{whole.images:,} images were described in {format_duration(whole.seconds)}"
    if whole.images >= images:
        return f"{measured}, all extractions together. Of the other stages, the last time counts."
    return (
        f"{measured}. The time of the other {images - whole.images:,} was not recorded: their extraction was "
        "interrupted, or by an earlier version. Of the other stages, the last time counts."
    )


def _profile(processes: int, describing: Mapping[str, float], command: Mapping[str, float]) -> Table:
    total = sum(describing.values()) or 1
    rows = [
        (activity, Cell(format_duration(seconds), share=seconds / total), f"{seconds / total:.1%}")
        for activity, seconds in describing.items()
    ]
    note = ", ".join(f"{activity} {format_duration(seconds)}" for activity, seconds in command.items())
    columns = text("activity") + numeric("time", "share")
    return Table(f"Time of the {processes} workers", columns, rows, [f"Main process: {note}."])


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
    return Table("Machines", text("after") + numeric("nodes", "CPUs", "GPUs") + text("accelerators"), rows)
