"""Which images of a run have failed, counted by stage and reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.prefetch import prefetch
from osrmac.storage import schema, shards
from osrmac.storage.run import Run

__all__ = ["DEADLY", "Failures", "failed_ids", "summary"]

DEADLY = "the process died of it"
"""How the reason begins where an image has ended the process that described it, or kept it from going on."""

_NAMED = 3

_AT_ONCE = 32
"""Shards that are read at once, of which a store far away answers each after a while."""


@dataclass(frozen=True)
class Failures:
    """Images that failed in the same way.

    Attributes:
        stage: `fetch`, `decode`, `crop` or `describe`.
        reason: One line.
        count: How many.
        first: Some of their ids.
    """

    stage: str
    reason: str
    count: int
    first: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a person."""
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return f"{self.count} failed at {self.stage}, {self.reason}: {', '.join(self.first)}{more}"


def summary(run: Run) -> tuple[int, list[Failures]]:
    """The number of images described, and what failed, the most frequent first."""
    described = 0
    counts: Counter[tuple[str, str]] = Counter()
    first: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for rows in _statuses(run):
        failed = _failed(rows)
        described += rows.num_rows - failed.num_rows
        for row in failed.to_pylist():
            kind = row["error_stage"], row["error"]
            counts[kind] += 1
            first[kind] = sorted([*first[kind], row["id"]])[:_NAMED]
    found = [Failures(*kind, count, tuple(first[kind])) for kind, count in counts.items()]
    return described, sorted(found, key=lambda kind: (-kind.count, kind.stage, kind.reason))


def failed_ids(run: Run) -> list[str]:
    """Ids of the images that failed."""
    return [image for rows in _statuses(run) for image in _failed(rows)["id"].to_pylist()]


def _statuses(run: Run) -> Iterator[pa.Table]:
    return prefetch(_status, shards.paths(run.descriptors), threads=_AT_ONCE, depth=_AT_ONCE)


def _status(shard: str) -> pa.Table:
    return shards.read(shard, ["id", "status", "error_stage", "error"])


def _failed(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["status"], schema.FAILED))
