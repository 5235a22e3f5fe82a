"""The near-duplicates that were found last within a run, kept in it, and whether they are those of its images now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import pyarrow as pa

from osrmac.errors import StorageError
from osrmac.progress import warn
from osrmac.runs.methods import method_digests
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.storage import manifest, schema, shards
from osrmac.storage.damage import expected_content
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run, now

__all__ = ["CollectionState", "StoredDuplicates", "collection_state", "load_duplicates", "store_duplicates"]

_FACTS = "osrmac.duplicates"
"""Key of the facts in the metadata of the file, as JSON: one file is written in one step."""

_OF_RESULT = ("method", "distance", "threshold", "agreement", "reason", "compared", "unreadable")

CollectionState = Mapping[str, int]
"""Numbers that change when images of a run are added, described again, or removed."""

_CHANGES = {
    "removed": "images have been removed since",
    "planned": "images have been added since",
    "shards": "images have been described since",
    "generations": "images have been described again since",
}


@dataclass(frozen=True, kw_only=True)
class StoredDuplicates:
    """Near-duplicates within a run, as `osrmac duplicates` found them last.

    Attributes:
        duplicates: Groups, and what they depend on; images that were removed from the run since are left out. The
            location of an image is the one that it had then.
        same: Whether copies of a picture or shots of a scene were looked for; None with a threshold as given.
        made: Time, ISO 8601.
        stale: Why they may not be the near-duplicates of the run as it is now, otherwise an empty string.
    """

    duplicates: Duplicates
    same: Literal["picture", "scene"] | None
    made: str
    stale: str


def collection_state(run: Run) -> CollectionState:
    """Return the state of a run's images, from the footers of its plan and a listing of its shards."""
    planned = manifest.shard_plans(run.manifest)
    return {
        "removed": run.record()["stages"].get("prune", {}).get("total", 0),
        "planned": sum(plan.rows for plan in planned),
        "shards": len(shards.paths(run.descriptors)),
        "generations": sum(plan.generation for plan in planned),
    }


def store_duplicates(
    run: Run, result: Duplicates, same: Literal["picture", "scene"] | None, state: CollectionState
) -> None:
    """Keep near-duplicates in their run, in place of earlier ones; if it cannot be written, say so.

    Nothing is written if images have been removed since the vectors were read.

    Args:
        run: Run that all images belong to.
        result: The near-duplicates.
        same: What was looked for; None with a threshold as given.
        state: State of the run's images before the vectors were read.
    """
    facts = {name: getattr(result, name) for name in _OF_RESULT}
    facts |= {"same": same, "made": now(), "digest": method_digests(run).get(result.method), "state": dict(state)}
    rows = [
        {name: getattr(twin, name) for name in schema.DUPLICATES.names if name != "group"} | {"group": number}
        for number, group in enumerate(result.groups, 1)
        for twin in group
    ]
    columns = schema.DUPLICATES.with_metadata({_FACTS: json.dumps(facts)})
    try:
        with locked(run.location, Part.DUPLICATES):
            if collection_state(run)["removed"] == state["removed"]:
                shards.write_table(run.duplicates, pa.Table.from_pylist(rows, schema=columns))
    except StorageError as error:
        warn(f"the near-duplicates are not kept in the run: {error}")


def load_duplicates(run: Run) -> StoredDuplicates | None:
    """Return the near-duplicates that a run keeps; None if `osrmac duplicates` has not been run on it alone.

    Raises:
        DamagedFileError: The file does not hold what was written.
        StorageError: There is no run, or it is being pruned.
    """
    state, digests = collection_state(run), method_digests(run)
    if not run.duplicates.exists():
        return None
    table = shards.read(run.duplicates)
    with expected_content(run.duplicates.url):
        facts = json.loads(shards.metadata_of(table)[_FACTS])
        groups = tuple(
            tuple(_twin(run, row) for row in rows) for _, rows in groupby(table.to_pylist(), key=itemgetter("group"))
        )
        return StoredDuplicates(
            duplicates=Duplicates(**{name: facts[name] for name in _OF_RESULT}, groups=groups),
            same=facts["same"],
            made=facts["made"],
            stale=_stale(facts, state, digests),
        )


def _twin(run: Run, row: dict[str, Any]) -> Twin:
    return Twin(**{name: value for name, value in row.items() if name != "group"}, run=run.url)


def _stale(facts: Mapping[str, Any], state: CollectionState, digests: Mapping[str, str]) -> str:
    if facts["digest"] != digests.get(facts["method"]):
        return f"{facts['method']} has been fitted again since"
    return next((text for name, text in _CHANGES.items() if facts["state"][name] != state[name]), "")
