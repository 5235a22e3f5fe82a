"""The committed rows of a run."""

from typing import Any

from osrmac.storage import shards
from osrmac.storage.location import Location


def rows(folder: Location) -> dict[str, dict[str, Any]]:
    """All rows in a folder of shards, by id; fails if an id occurs twice."""
    listed = [row for shard in shards.paths(folder) for row in shards.read(shard).to_pylist()]
    by_id = {row["id"]: row for row in listed}
    assert len(by_id) == len(listed)
    return by_id


def described(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows without the URIs, which change where images move."""
    return {name: {key: value for key, value in row.items() if key != "uri"} for name, row in found.items()}
