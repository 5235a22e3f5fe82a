"""The failed images of a run, grouped by stage and kind of error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.errors import DamagedFileError
from osrmac.prefetch import prefetch
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["DEADLY", "Failures", "failed_ids", "summary", "unsound_shards"]

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
        example: Message of the first image, where the messages differ.
    """

    stage: str
    reason: str
    count: int
    first: tuple[str, ...]
    example: str | None = None

    def __str__(self) -> str:
        """Describe the group in one line."""
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        example = f" (for example {self.example})" if self.example else ""
        return f"{self.count} failed at {self.stage}, {self.reason}{example}: {', '.join(self.first)}{more}"

    def joined_by(self, image: str, message: str) -> Failures:
        """Return the group with another image, whose message is of the same kind."""
        first = tuple(sorted((*self.first, image))[:_NAMED])
        group = replace(self, count=self.count + 1, first=first)
        if self.example is None and message == self.reason:
            return group
        example = message if first[0] == image else self.example or self.reason
        return replace(group, reason=_kind(message), example=example)


def summary(run: Run) -> tuple[int, list[Failures]]:
    """Return the number of described images, and the groups of failed ones, the largest first."""
    described = 0
    groups: dict[tuple[str, str], Failures] = {}
    for rows in _statuses(run):
        failed = _failed(rows)
        described += rows.num_rows - failed.num_rows
        for row in failed.to_pylist():
            image, stage, message = row["id"], row["error_stage"], row["error"]
            group = groups.get(key := (stage, _kind(message)))
            groups[key] = group.joined_by(image, message) if group else Failures(stage, message, 1, (image,))
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


def unsound_shards(run: Run) -> list[str]:
    """Return the names of the committed shards that are damaged, or do not have as many rows as planned."""
    planned = {plan.shard: plan.rows for plan in manifest.shard_plans(run.manifest)}
    committed = [shard for shard in shards.paths(run.descriptors) if shard.name in planned]
    rows = prefetch(_count_rows, committed, threads=_CONCURRENT, depth=_CONCURRENT)
    return [shard.name for shard, count in zip(committed, rows, strict=True) if count != planned[shard.name]]


def _count_rows(shard: Location) -> int | None:
    """Return the number of rows of a shard, None if it is damaged."""
    try:
        return _read_status(shard).num_rows
    except DamagedFileError:
        return None


def _statuses(run: Run) -> Iterator[pa.Table]:
    return prefetch(_read_status, shards.paths(run.descriptors), threads=_CONCURRENT, depth=_CONCURRENT)


def _read_status(shard: Location) -> pa.Table:
    return shards.read(shard, ["id", "status", "error_stage", "error"])


def _failed(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["status"], schema.FAILED))
