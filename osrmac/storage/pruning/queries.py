"""Remove the cropped queries that are parts of removed images."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.storage import shards
from osrmac.storage.pruning.journal import Journal
from osrmac.storage.pruning.rows import remove_rows
from osrmac.storage.run import Run

__all__ = ["remove_queries"]


def remove_queries(run: Run, journal: Journal) -> None:
    """Remove the cropped queries of all benchmarks whose image is removed.

    Queries are planned under their own names, with the URI that their image had then. A query whose URI ends with a
    removed id is taken for one of that image; if it is not, the next evaluation describes it again.
    """
    for folder in (run.location / "queries").folders():
        planned = run.queries_manifest(folder.name)
        for part in shards.paths(planned):
            rows = shards.read(part, ["id", "uri"])
            removed = _removed(rows["uri"].to_pylist(), journal)
            names = rows["id"].filter(pc.is_in(rows["uri"], value_set=pa.array(removed, pa.string())))
            remove_rows(planned, part.name, folder, names.combine_chunks())


def _removed(uris: list[str], journal: Journal) -> list[str]:
    """Return the URIs of removed images."""
    names_of = {uri: _names(uri) for uri in uris}
    names = pa.array(sorted({name for found in names_of.values() for name in found}), pa.string())
    removed: set[str] = set()
    for _, images in journal.parts():
        for column in ("id", "uri"):
            removed.update(names.filter(pc.is_in(names, value_set=images[column].combine_chunks())).to_pylist())
    return [uri for uri, found in names_of.items() if not removed.isdisjoint(found)]


def _names(uri: str) -> list[str]:
    """Return a URI and every path at its end.

    >>> _names("/a/b.jpg")
    ['/a/b.jpg', 'a/b.jpg', 'b.jpg']
    """
    parts = uri.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]
