"""The failed images of a run, grouped by stage and kind of error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.prefetch import prefetch
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["DEADLY", "Failures", "failed_ids", "summary"]

DEADLY = "the process died of it"
"""First words of the reason where describing an image has killed or blocked its process."""

_NAMED = 3
"""Number of ids that a group names."""

_CONCURRENT = 32
"""Number of shards read at once, to hide the latency of remote storage."""

_EXCEPTION = re.compile(r"([A-Z]\w*)(: |$)")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Failures:
    """Images that failed at the same stage for the same kind of reason.

    Attributes:
        stage: `fetch`, `decode`, `crop` or `describe`.
        reason: The message where it is the same for all of them, otherwise what the messages have in common: the
            type of the exception, or the message with `N` for each number.
        count: Number of images.
        first: The first few ids.
        example: Message of the first image.
    """

    stage: str
    reason: str
    count: int
    first: tuple[str, ...]
    example: str

    def __str__(self) -> str:
        """Describe the group in one line."""
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        example = f" (for example {self.example})" if self.example != self.reason else ""
        return f"{self.count} failed at {self.stage}, {self.reason}{example}: {', '.join(self.first)}{more}"

    def __add__(self, other: Failures) -> Failures:
        """Merge two groups of the same kind."""
        first = tuple(sorted(self.first + other.first)[:_NAMED])
        return replace(
            self,
            reason=self.reason if self.reason == other.reason else _kind(self.example),
            count=self.count + other.count,
            first=first,
            example=self.example if first[0] in self.first else other.example,
        )


def summary(run: Run) -> tuple[int, list[Failures]]:
    """Return the number of described images, and the groups of failed ones, the largest first."""
    described = 0
    groups: dict[tuple[str, str], Failures] = {}
    for rows in _statuses(run):
        failed = _failed(rows)
        described += rows.num_rows - failed.num_rows
        for row in failed.to_pylist():
            stage, message = row["error_stage"], row["error"]
            one = Failures(stage, message, 1, (row["id"],), message)
            key = stage, _kind(message)
            groups[key] = groups[key] + one if key in groups else one
    return described, sorted(groups.values(), key=lambda group: (-group.count, group.stage, group.reason))


def _kind(message: str) -> str:
    """Return what messages of one kind have in common: paths and numbers differ from image to image.

    >>> _kind("FileNotFoundError: /photos/gone.jpg")
    'FileNotFoundError'
    >>> _kind("9000x9000 pixels are over the limit of 5000")
    'NxN pixels are over the limit of N'
    """
    exception = _EXCEPTION.match(message)
    return exception[1] if exception else _NUMBER.sub("N", message)


def failed_ids(run: Run) -> list[str]:
    """Return the ids of the failed images."""
    return [image for rows in _statuses(run) for image in _failed(rows)["id"].to_pylist()]


def _statuses(run: Run) -> Iterator[pa.Table]:
    return prefetch(_read_status, shards.paths(run.descriptors), threads=_CONCURRENT, most=_CONCURRENT)


def _read_status(shard: Location) -> pa.Table:
    return shards.read(shard, ["id", "status", "error_stage", "error"])


def _failed(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["status"], schema.FAILED))
