"""How results are shown: a table in a terminal, lines of JSON through a pipe or on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from osrmac import tables
from osrmac.errors import printable

if TYPE_CHECKING:
    from osrmac.commands.extract import Profile

__all__ = ["as_json", "overview", "profile", "render", "say", "show", "table", "write_json"]


def as_json(asked_for: bool) -> bool:
    """Whether results are written as JSON."""
    return asked_for or not sys.stdout.isatty()


def write_json(values: Iterable[Any]) -> None:
    """Each value, a mapping or dataclass, as JSON on a line of its own."""
    for value in values:
        plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        sys.stdout.write(json.dumps(plain, ensure_ascii=False) + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> Table:
    """A table whose numbers stand to the right; nothing in it is taken for markup or acted on by the terminal."""
    rows = [tuple(row) for row in rows]
    made = Table(
        title=_text(title),
        caption=_text(caption) if caption else None,
        title_justify="left",
        caption_justify="left",
        show_header=any(columns),
    )
    for place, column in enumerate(columns):
        numbers = all(isinstance(row[place], int | float) for row in rows)
        made.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_text(f"{cell:.4f}" if isinstance(cell, float) else str(cell)) for cell in row))
    return made


def _text(text: str) -> Text:
    return Text(printable(text))


def show(*tables: Table) -> None:
    """Print tables."""
    for each in tables:
        Console().print(each)


def say(line: str, *, aside: bool = False) -> None:
    """Print a line; one that is aside from the results goes to standard error."""
    (sys.stderr if aside else sys.stdout).write(printable(line) + "\n")


def profile(found: Profile) -> list[Table]:
    """What the time of an extraction went into; what it has none of is left out."""
    tables = [
        _spent("Time of the command", found.command),
        _spent(f"Time of {found.processes} describing processes", found.describing),
    ]
    return [each for each in tables if each.row_count]


def _spent(title: str, seconds: Mapping[str, float]) -> Table:
    total = sum(seconds.values())
    rows = ((stage, f"{spent:.1f}", f"{spent / total:.1%}") for stage, spent in seconds.items())
    return table(title, ("stage", "seconds", "share"), rows if total else ())


def overview(run: Mapping[str, Any]) -> list[Table]:
    """What a run is and holds, from `osrmac.commands.info.info`; what it has none of is left out."""
    facts = {
        "images": run["images"],
        **{name: number for name, number in run["counts"].items() if number is not None},
        "backbone": run["descriptor"]["backbone"],
        "weights": run["weights"],
        "scales": " ".join(map(str, run["descriptor"]["scales"])),
        "fingerprint": run["fingerprint"],
        "versions": ", ".join(f"{name} {number}" for name, number in run["versions"].items()),
    }
    tables = [
        table(run["run"], ("", ""), facts.items()),
        table("Descriptors", ("recipe", "dims"), run["dimensions"].items()),
        table(
            "Failures",
            ("images", "stage", "reason", "first"),
            ((kind["count"], kind["stage"], kind["reason"], ", ".join(kind["first"])) for kind in run["failures"]),
        ),
        table(
            "Selections",
            ("name", "dims", "fitted on"),
            (
                (each["name"], each["dimension"], f"{each['samples']} of {each['fitted_on']}")
                for each in run["selections"]
            ),
        ),
        *(_scores(each) for each in run["evaluations"]),
        table(
            "Stages",
            ("stage", "seconds", "finished"),
            ((name, round(stage["seconds"]), stage["finished"]) for name, stage in run["stages"].items()),
        ),
    ]
    return [each for each in tables if each.row_count]


def _scores(evaluation: Mapping[str, Any]) -> Table:
    measures = evaluation["measures"]
    rows = (
        (score["label"], score["mode"], *(f"{score['values'][measure]:.2f}" for measure in measures))
        for score in evaluation["scores"]
    )
    title = f"{evaluation['benchmark']}, {evaluation['coverage']}"
    return table(title, ("descriptor", "queries", *measures), rows)


def render(table: tables.Table) -> Table:
    """Render a table for a terminal; its texts are shown as they are, neither parsed as markup nor as control codes."""
    rendered = Table(
        title=_text(table.title),
        caption=Text("\n".join(map(printable, table.notes))) if table.notes else None,
        title_justify="left",
        caption_justify="left",
        show_header=any(column.name for column in table.columns),
    )
    for column in table.columns:
        rendered.add_column(_text(column.name), justify=column.align, overflow="fold")
    for row in table.cells:
        rendered.add_row(*(Text(printable(cell.text), style="bold" if cell.best else "") for cell in row))
    return rendered
