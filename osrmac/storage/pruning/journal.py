"""The journal of a prune: what it removes, written before anything is removed.

No store changes several files at once. The journal is complete as soon as `RUN/prune.json` is there; from then on, the
run is read and written by nothing but the prune itself, which is repeated until all of its steps have succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

import pyarrow as pa

from osrmac.errors import PruningError
from osrmac.storage import shards
from osrmac.storage.location import Location

__all__ = ["Facts", "Journal", "require_unpruned"]


@dataclass(frozen=True)
class Facts:
    """What the steps of a prune need to know beside the removed images.

    Attributes:
        images: Number of images that are removed.
        total: Number of images that were ever removed from the run, these included.
        marks: Remark on the removed images for each evaluation, by name of its file without suffix.
        report: Whether the run has a report.
    """

    images: int
    total: int
    marks: Mapping[str, str] = field(default_factory=dict)
    report: bool = False


class Journal:
    """The journal of a run.

    Args:
        run: Folder of the run.
    """

    def __init__(self, run: Location) -> None:
        self._rows, self._facts = run / "prune", run / "prune.json"

    def facts(self) -> Facts | None:
        """Return the facts of a prune that has begun and not ended; None if there is none."""
        values = self._facts.read_json()
        return None if values is None else Facts(**values)

    def write(self, parts: Iterable[tuple[str, pa.Table]], facts: Facts) -> None:
        """Write the journal. The prune has begun when this returns.

        Args:
            parts: Name of a part of the manifest, and the rows of its removed images: `id`, `uri` and `shard`.
            facts: What else the steps need.
        """
        self._remove_rows()  # of a prune that was killed before it had begun
        for name, rows in parts:
            shards.write_table(self._rows / name, rows)
        self._facts.write_json(asdict(facts))

    def parts(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the name of each part of the manifest with removed images, and their rows."""
        for file in shards.paths(self._rows):
            yield file.name, shards.read(file)

    def remove(self) -> None:
        """Remove the journal when all steps have succeeded."""
        self._remove_rows()
        self._facts.remove()

    def _remove_rows(self) -> None:
        for file in shards.paths(self._rows):
            file.remove()


def require_unpruned(run: Location) -> None:
    """Raise a `PruningError` if a prune of a run has begun and not ended."""
    if Journal(run).facts() is not None:
        raise PruningError(
            f"{run} is being pruned, or a prune was interrupted: osrmac prune {run} --yes finishes an interrupted one"
        )
