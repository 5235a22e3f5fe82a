"""Remove images from a run: those that are gone from its collection, or those that a list names."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from osrmac.config import PruneConfig
from osrmac.errors import DamagedFileError, OsrmacError, StorageError
from osrmac.progress import note, stage, warn
from osrmac.runs.failures import summary
from osrmac.runs.index.files import indexed_methods
from osrmac.runs.shard_reader import unpruned
from osrmac.storage import manifest, schema, shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.name_list import read_names
from osrmac.storage.location import Location
from osrmac.storage.lock import Lock, Part, locked
from osrmac.storage.pruning import removed
from osrmac.storage.pruning.candidates import Candidates, NamedImages, candidates, gone_images
from osrmac.storage.pruning.duplicates import remove_duplicates
from osrmac.storage.pruning.evaluations import marks, remove_results
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.pruning.overview import remove_from_overview
from osrmac.storage.pruning.queries import remove_queries
from osrmac.storage.pruning.rows import remove_late_shards, remove_rows
from osrmac.storage.reading.access import CredentialFilter
from osrmac.storage.run import Run

__all__ = ["Pruning", "prune"]


@dataclass(frozen=True)
class Pruning:
    """Result of a prune, or what it would remove.

    Attributes:
        run: Folder or URL of the run.
        done: Whether the images are removed.
        planned: Number of images of the run before.
        images: Number of images that are removed, or would be.
        ids: Their ids, sorted; empty when they are removed, which leaves no names behind.
        shards: Number of shards of descriptors with rows of these images.
        evaluations: Names of the evaluations and sweeps that are marked.
        already: Number of names in the list of images that were removed before.
        finished: Number of images whose removal was interrupted before, and is finished now.
        copies: Exports and contact sheets of the run by path or URL, which may have the images and are not changed.
    """

    run: str
    done: bool
    planned: int
    images: int
    ids: tuple[str, ...]
    shards: int
    evaluations: tuple[str, ...]
    already: int
    finished: int
    copies: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return asdict(self) | {"run": to_unicode(self.run)}


def prune(run: str, options: PruneConfig = PruneConfig()) -> Pruning:
    """Remove images from a run: from its plan, descriptors, queries, evaluations, near-duplicates, overview and report.

    They are remembered by the digests of their ids, and later extractions leave them out. A prune that was interrupted
    is finished first.

    Args:
        run: Folder or URL of the run.
        options: Images to remove; nothing is removed without `yes`.

    Raises:
        ConfigError: The collection is another one, more than a tenth of the images are gone, or a list names images
            that the run does not have.
        NotFoundError: No run, no images, or no list.
        StorageError: The collection cannot be listed, the run is in use, or a prune was interrupted and `yes` is not
            given.
    """
    place = Run(run, pruning=options.yes)
    if not options.yes:
        with unpruned(place), _selected(place, options) as (found, already):
            return _result(place, found, marks(place, 0, ""), already)
    journal = Journal(place.location)
    if journal.facts() is None:
        place.record()
    with _all_locked(place) as locks:
        interrupted = journal.facts()
        if interrupted is not None:
            note(f"finishing an interrupted prune of {interrupted.images} images")
            _finish(place, journal, interrupted)
        with _selected(place, options) as (found, already):
            marked = marks(place, found.images, datetime.datetime.now(datetime.UTC).date().isoformat())
            facts = Facts(found.images, _total(place) + found.images, marked, place.report.exists())
            result = _result(place, found, marked, already, done=True, finished=interrupted)
            for lock in locks:
                lock.confirm()
            if found.images:
                journal.write(found.parts(), facts)
        if found.images:
            _finish(place, journal, facts)
    return result


@contextmanager
def _all_locked(run: Run) -> Iterator[list[Lock]]:
    """Hold the locks of all parts of a run."""
    with ExitStack() as held:
        yield [held.enter_context(locked(run.location, part, pruning=True)) for part in Part]


@contextmanager
def _selected(run: Run, options: PruneConfig) -> Iterator[tuple[Candidates, int]]:
    """Find the images to remove, and the number of those in the list that were removed before."""
    with ExitStack() as opened:
        if options.remove is None:
            with stage("listing"):
                gone = gone_images(run.manifest, _listed(run, options.images), allow_many=options.allow_many)
                yield opened.enter_context(candidates(run.manifest, gone)), 0
        else:
            named = NamedImages(read_names(Location.of(options.remove)), run.removed)
            yield opened.enter_context(candidates(run.manifest, named.find(run.manifest))), named.already


def _listed(run: Run, images: str | None) -> Iterator[pa.Table]:
    """List the collection of a run as `osrmac extract` does."""
    advice = "" if images else "; if the collection of the run is elsewhere, name it with --images"
    try:
        record = run.record()
        source, indexes = Location.of(images or record["images"]), MemberIndexes(run.archives)
        listed = listing(source, run.location, indexes=indexes, image_column=record.get("image_column"))
        yield from CredentialFilter(run.manifest)(listed)
    except StorageError as error:
        raise type(error)(f"{error}: nothing is removed{advice}") from error


def _total(run: Run) -> int:
    """Return the number of images that were ever removed from a run."""
    total: int = run.record()["stages"].get("prune", {}).get("total", 0)
    return total


def _result(
    run: Run,
    found: Candidates,
    marked: Mapping[str, str],
    already: int,
    *,
    done: bool = False,
    finished: Facts | None = None,
) -> Pruning:
    planned = sum(plan.rows for plan in manifest.shard_plans(run.manifest))
    return Pruning(
        run.url,
        done,
        planned,
        found.images,
        () if done else found.ids(),
        found.shards,
        tuple(sorted(marked)) if found.images else (),
        already,
        finished.images if finished else 0,
        run.copies() if found.images else {},
    )


def _finish(run: Run, journal: Journal, facts: Facts) -> None:
    """Do what the journal says. Every step may be repeated after it was interrupted at any point."""
    started = time.monotonic()
    run.report.remove()
    reduced = {
        folder: {shard.name for shard in shards.paths(folder)} for folder in (run.location / "reduced").folders()
    }
    with stage("removing") as progress:
        done = 0
        for part, rows in journal.parts():
            removed.remember(run.removed, rows["id"], rows["uri"])
            remove_rows(run.manifest, part, run.descriptors, rows["id"].combine_chunks(), reduced)
            done += rows.num_rows
            progress.update(done, facts.images)
        remove_queries(run, journal)
        remove_results(run, journal, facts.marks)
        remove_duplicates(run, journal)
        remove_from_overview(run, journal)
        _remove_from_indexes(run, journal)
        MemberIndexes(run.archives).clear()
        for _, rows in journal.parts():
            remove_late_shards(run.descriptors, rows)
    if run.exists():
        _record(run, facts, time.monotonic() - started)
    journal.remove()


def _remove_from_indexes(run: Run, journal: Journal) -> None:
    """Remove the shards that had removed images from the indexes, which the next `osrmac index` adds again."""
    methods = indexed_methods(run)
    if methods:
        from osrmac.runs.index.pruning import remove_shards  # imports FAISS

        affected = {name for _, rows in journal.parts() for name in rows["shard"].unique().to_pylist()}
        for method in methods:
            removed = remove_shards(run, method, affected)
            if removed:
                again = f"osrmac index {run.url} --method {method}"
                note(f"{removed} shards have left the index of {method}, and are scanned: {again} adds them again")


def _record(run: Run, facts: Facts, seconds: float) -> None:
    """Record the new counts and the prune in run.json, and write the report again."""
    with suppress(DamagedFileError):  # the next extraction finds the damage, and counts
        described, failures = summary(run)
        failed = sum(kind.count for kind in failures)
        run.set_counts({"planned": described + failed, schema.OK: described, schema.FAILED: failed})
    run.finish_stage("prune", seconds, removed=facts.images, total=facts.total)
    if facts.report:
        from osrmac.commands.report import write_page

        try:
            write_page(run)
        except OsrmacError as error:
            warn(f"the report is removed, and not written again: {error}")
