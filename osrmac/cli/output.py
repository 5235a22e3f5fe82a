"""Output of the commands: tables for people, JSON Lines for programs, notes on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from osrmac.cli.arguments import Output
from osrmac.cli.process.on_finish import set_result
from osrmac.credentials import redact_all
from osrmac.errors import printable
from osrmac.progress import note
from osrmac.storage.listing.skipped import describe_skipped
from osrmac.tables import Column, Table

if TYPE_CHECKING:
    import rich.table
    from rich.text import Text

    from osrmac.commands.copies import Copy
    from osrmac.commands.extract import Profile
    from osrmac.commands.info import RunInfo
    from osrmac.runs.index.summary import IndexInfo

__all__ = ["info_tables", "profile_tables", "render", "show", "table", "write", "write_address", "write_result"]

_PIPE_COLUMNS = 1000


def write(output: Output, json_lines: Iterable[Any], tables: Iterable[Table] = (), summary: Sequence[str] = ()) -> None:
    """Write the results of a command to standard output, without the credentials of URLs.

    Args:
        output: Format of the results.
        json_lines: Results as plain values, each to be written as one line of JSON.
        tables: The same results as tables.
        summary: Lines below the tables. With JSON they are notes on standard error.
    """
    if output.format == "json":
        for value in json_lines:
            sys.stdout.write(_json(redact_all(value)) + "\n")
        for line in summary:
            note(line)
        return
    show(*tables)
    for line in summary:
        sys.stdout.write(printable(line) + "\n")


def write_result(output: Output, value: Any, tables: Iterable[Table] = (), summary: Sequence[str] = ()) -> None:
    """Write the single result of a command: see `write`. It is also part of the summary for `--on-finish`."""
    set_result(value)
    write(output, [value], tables, summary)


def write_address(output: Output, run: str, url: str) -> None:
    """Write the address of a server at once, with the token that it may have, which `write` would leave out."""
    line = json.dumps({"url": url}) if output.format == "json" else f"{printable(run)} at {url} (Ctrl-C ends)"
    print(line, flush=True)


def _json(value: Any) -> str:
    r"""Return a value as one line of JSON without characters that a terminal might obey.

    >>> _json({"id": "caf\xe9 \x9b31m"})
    '{"id": "café \\u009b31m"}'
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def show(*tables: Table) -> None:
    """Write tables that have rows to standard output: as wide as a terminal, or else as wide as their content."""
    from rich.console import Console  # not needed for JSON, nor to show the help

    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    for each in tables:
        if each.rows:
            with console.capture() as capture:
                console.print(render(each))
            sys.stdout.write(capture.get())


def render(table: Table) -> rich.table.Table:
    """Render a table for a terminal; its texts are shown as they are, neither parsed as markup nor as control codes."""
    import rich.table
    from rich.text import Text

    rendered = rich.table.Table(
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


def _text(text: str) -> Text:
    from rich.text import Text

    return Text(printable(text))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], notes: Sequence[str] = ()) -> Table:
    """Build a table from plain values: columns of numbers are right-aligned, floats have four decimals."""
    values = [tuple(row) for row in rows]
    numeric = [all(isinstance(row[index], int | float) for row in values) for index in range(len(columns))]
    header = [Column(name, "right" if right else "left") for name, right in zip(columns, numeric, strict=True)]
    cells = [[f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row] for row in values]
    return Table(title, header, cells, notes)


def profile_tables(profile: Profile) -> list[Table]:
    """Return the time of an extraction by stage, of the command and of the describing processes."""
    return [
        _time_table("Time of the command", profile.command),
        _time_table(f"Time of {profile.processes} describing processes", profile.describing),
    ]


def _time_table(title: str, seconds: Mapping[str, float]) -> Table:
    total = sum(seconds.values())
    rows = ((stage, f"{spent:.1f}", f"{spent / total:.1%}") for stage, spent in seconds.items())
    columns = (Column("stage"), Column("seconds", "right"), Column("share", "right"))
    return Table(title, columns, list(rows) if total else ())


def info_tables(run: RunInfo) -> list[Table]:
    """Return the summary of a run as tables."""
    from osrmac.types import REFINEMENTS, REMOVED_SINCE

    noted = (*REFINEMENTS, REMOVED_SINCE)  # conditions of scores that a summary of a run does not leave out
    facts = {
        "images": run.images,
        "planned": run.planned,
        "described": run.described,
        "failed": run.failed,
        "files passed over": describe_skipped(run.skipped) or None,
        "backbone": run.descriptor["backbone"],
        "weights": run.weights,
        "image sizes": " ".join(map(str, run.descriptor["scales"])),
        "fingerprint": run.fingerprint,
        "searches compare": ", ".join(run.search_methods.values()) or None,
        "versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
    }
    return [
        table(run.run, ("", ""), ((name, str(value)) for name, value in facts.items() if value is not None)),
        table("Descriptors", ("recipe", "dims"), run.dimensions.items()),
        table(
            "Failures",
            ("images", "stage", "reason", "first"),
            ((kind.count, kind.stage, kind.reason, ", ".join(kind.first)) for kind in run.failures),
        ),
        table(
            "Reductions",
            ("name", "dims", "fitted on"),
            ((each.name, each.dimension, f"{each.samples} of {each.fitted_on}") for each in run.reductions),
        ),
        table(
            "Indexes",
            ("method", "images", "state", "kind"),
            ((each.method, each.images, _coverage(each), each.factory) for each in run.indexes),
        ),
        *(
            table(
                f"{evaluation.benchmark}, {evaluation.coverage}",
                ("descriptor", "queries", *evaluation.measures),
                (
                    (each.marked_label, each.mode, *(f"{each.values[measure]:.2f}" for measure in evaluation.measures))
                    for each in evaluation.scores
                ),
                [
                    *(f"{mark}: {meaning}" for mark, meaning in evaluation.remarks.items()),
                    *(f"{name}: {text}" for name, text in evaluation.conditions.items() if name in noted),
                ],
            )
            for evaluation in run.evaluations
        ),
        table(
            "Copies",
            ("kind", "method", "images", "made", "state", "place"),
            ((each.kind, each.method, each.images, each.made, _state(each), each.url) for each in run.copies),
        ),
        table(
            "Stages",
            ("stage", "seconds", "finished"),
            ((name, round(stage["seconds"]), stage["finished"]) for name, stage in run.stages.items()),
        ),
    ]


def _coverage(index: IndexInfo) -> str:
    if index.state == "incomplete":
        return f"{index.not_covered} of {index.shards + index.not_covered} shards are not in it: run osrmac index again"
    return "of an earlier fit: run osrmac index again" if index.state == "stale" else index.state


def _state(copy: Copy) -> str:
    return f"{copy.state}: {copy.reason}" if copy.reason else copy.state
