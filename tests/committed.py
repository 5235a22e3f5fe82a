"""What a run has committed."""

from typing import Any

from osrmac.storage import shards
from osrmac.storage.location import Location


def rows(folder: Location) -> dict[str, dict[str, Any]]:
    """All committed rows by id; fails if an id is there twice."""
    found = [row for shard in shards.paths(folder) for row in shards.read(shard).to_pylist()]
    by_id = {row["id"]: row for row in found}
    assert len(by_id) == len(found)
    return by_id
