"""Exports, contact sheets and lists of a run: they are recorded in it, and recognised when they are stale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from osrmac.errors import StorageError, reason
from osrmac.progress import warn
from osrmac.runs.methods import method_digests
from osrmac.storage import manifest
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["Copy", "list_copies", "note_stale_exports", "record_export", "record_page"]

EXPORT = "export"


@dataclass(frozen=True)
class Copy:
    """What a command wrote from a run to another place.

    Attributes:
        url: Path or URL, without credentials.
        kind: `export`, `contact sheet`, or `list` of images.
        method: Name of the method whose vectors were exported or compared.
        digest: Digest of the method's reduction then; None without one.
        images: Number of images.
        made: Time, ISO 8601.
        state: `current`, `stale` (only exports are), or `gone`.
        reason: Why the copy is stale, otherwise an empty string.
    """

    url: str
    kind: str
    method: str
    digest: str | None
    images: int
    made: str
    state: Literal["current", "stale", "gone"]
    reason: str


def record_export(run: Run, url: str, method: str, digest: str | None, images: int) -> None:
    """Record an export, with the number of times that images had been described again: see `_record`."""
    _record(run, url, EXPORT, method=method, digest=digest, images=images, generations=_generations(run))


def record_page(run: Run, url: str, kind: str, method: str, images: int) -> None:
    """Record a contact sheet or a list of images: see `_record`."""
    _record(run, url, kind, method=method, digest=method_digests(run).get(method), images=images)


def _record(run: Run, url: str, kind: str, **facts: Any) -> None:
    """Record a copy in the run; if that cannot be written, only note it, because the copy itself is complete."""
    try:
        run.record_copy(url, kind, **facts)
    except StorageError as error:
        warn(f"{url} is not recorded in {run.url}: {reason(error.__cause__ or error)}")


def list_copies(run: Run, described: int | None = None) -> Iterator[Copy]:
    """Yield the recorded copies of a run, in order of their URLs.

    Args:
        run: The run.
        described: Number of described images; None compares it with no export.
    """
    recorded = run.copies()
    if not recorded:
        return
    digests, generations = method_digests(run), _generations(run)
    for url, stored in sorted(recorded.items()):
        place = Location.of(url)
        stale = _stale(stored, digests, generations, described) if stored["kind"] == EXPORT else ""
        state: Literal["current", "stale", "gone"] = "stale" if stale else "current"
        if place.is_local and not place.exists():
            state, stale = "gone", ""
        facts = {name: stored[name] for name in ("kind", "method", "digest", "images", "made")}
        yield Copy(url, **facts, state=state, reason=stale)


def _stale(stored: Mapping[str, Any], digests: Mapping[str, str], generations: int, described: int | None) -> str:
    """Return why an export is stale; an empty string if it is not."""
    method, images = stored["method"], stored["images"]
    if stored["digest"] != digests.get(method):
        return f"of an earlier {method}"
    if described not in (None, images):
        return f"the run has {described} images, it has {images}"
    return "images have been described again since" if stored["generations"] != generations else ""


def _generations(run: Run) -> int:
    """Return how often shards were planned again, which grows as images change."""
    return sum(plan.generation for plan in manifest.shard_plans(run.manifest))


def note_stale_exports(run: Run, described: int | None = None) -> None:
    """Note on standard error how many exports are stale, and name the first.

    Args:
        run: The run.
        described: Number of described images; None compares it with no export.
    """
    stale = [copy for copy in list_copies(run, described) if copy.state == "stale"]
    if stale:
        number = "1 export is" if len(stale) == 1 else f"{len(stale)} exports are"
        warn(f"{number} stale, first {stale[0].url} ({stale[0].reason}): see osrmac info")
