"""The paper's tables of a run, from the scores that it holds."""

from __future__ import annotations

from osrmac.errors import StorageError
from osrmac.evaluation.paper_tables import PAPER, PaperTable, paper_table
from osrmac.runs.evaluations import load_evaluations
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run

__all__ = ["paper"]


def paper(run: str) -> list[PaperTable]:
    """Set the scores of a run beside the paper's, and write both as `tables.json` and `tables.md`.

    Args:
        run: Run that was scored on `holidays`, `ukbench`, `oxford5k` or `paris6k`.

    Returns:
        One table for each of these benchmarks.

    Raises:
        StorageError: No run, no scores of any of these benchmarks, or another process that writes evaluations.
    """
    place = Run(run)
    place.record()
    evaluations = load_evaluations(place)
    tables = [paper_table(evaluations[name]) for name in PAPER if name in evaluations]
    if not tables:
        raise StorageError(f"{run} has no scores of {', '.join(PAPER)}: make them with osrmac evaluate")
    with locked(place.location, Part.EVALUATIONS):
        place.evaluation("tables", ".json").write_json({"tables": [table.to_json() for table in tables]})
        place.evaluation("tables", ".md").write_text("\n".join(table.table().markdown() for table in tables))
    return tables
