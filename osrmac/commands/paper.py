"""The paper's tables of a run, from the scores it holds."""

from __future__ import annotations

from dataclasses import asdict

from osrmac.errors import StorageError
from osrmac.evaluation.paper_tables import PAPER, PaperTable, paper_table
from osrmac.storage.run import Run

__all__ = ["tables"]


def tables(run: str) -> list[PaperTable]:
    """The paper's rows for every benchmark of the paper that the run was scored on, also written into the run.

    Raises:
        StorageError: No run, or not scored on any of them.
    """
    place = Run(run)
    place.record()
    stored = [place.evaluation(name, ".json").read_json() for name in PAPER]
    found = [paper_table(evaluation) for evaluation in stored if evaluation is not None]
    if not found:
        raise StorageError(f"{run} has no scores of {', '.join(PAPER)}: make them with osrmac evaluate")
    place.evaluation("tables", ".json").write_json({"tables": [asdict(table) for table in found]})
    place.evaluation("tables", ".md").write_bytes("\n".join(table.markdown() for table in found).encode())
    return found
