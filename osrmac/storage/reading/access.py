"""URLs with credentials, by which images of a list are read; a run stores them without."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.credentials import without_credentials
from osrmac.storage import shards
from osrmac.storage.location import Location

__all__ = ["AccessUrls", "CredentialFilter", "may_have_credentials"]

_SCHEMA = pa.schema([pa.field("id", pa.large_string()), pa.field("url", pa.large_string())])
_MAY_HAVE_CREDENTIALS = r"://.*[@?]"


@dataclass(frozen=True, eq=False)
class AccessUrls:
    """URLs with credentials by id, of the images whose stored URIs lack them.

    They take about as much memory as the ids and URLs themselves, a kilobyte for an image with a signed URL: once on
    the driver, and once on each node of the cluster, in shared memory. They are never written to a run.

    Attributes:
        rows: Table of ids and URLs, sorted by id.
    """

    rows: pa.Table = field(repr=False)

    def url(self, image: str, uri: str) -> str:
        """Return the URL to read an image from: its stored URI, unless there is one with credentials."""
        ids = self.rows["id"]
        row = bisect_left(range(len(ids)), image, key=lambda row: ids[row].as_py())
        if row == len(ids) or ids[row].as_py() != image:
            return uri
        found: str = self.rows["url"][row].as_py()
        return found


class CredentialFilter:
    """Removes the credentials from a listing, and keeps the URLs with them apart.

    An id that is a URL loses its credentials, too, unless the run has the image under an id with credentials, as
    earlier versions stored them. Credentials that have changed do not make it another image.

    Args:
        planned: Folder of the run's manifest.
    """

    def __init__(self, planned: Location) -> None:
        self._stored_ids = set(_ids_with_credentials(planned))
        self._stored_id: dict[str, str | None] = {}
        for image in self._stored_ids:
            bare = without_credentials(image)
            self._stored_id[bare] = None if bare in self._stored_id else image  # of several images, it names none
        self._kept = [_SCHEMA.empty_table()]

    def __call__(self, listing: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the tables of a listing, with the schema that they have."""
        return map(self._filtered, listing)

    def _filtered(self, table: pa.Table) -> pa.Table:
        if not self._stored_ids and not any(may_have_credentials(table[name]) for name in ("id", "uri")):
            return table
        ids = [self._id(image) for image in table["id"].to_pylist()]
        given = table["uri"].to_pylist()
        uris = [without_credentials(uri) for uri in given]
        rows = [row for row, (uri, full) in enumerate(zip(uris, given, strict=True)) if uri != full]
        self._kept.append(pa.table([[ids[row] for row in rows], [given[row] for row in rows]], schema=_SCHEMA))
        for name, values in (("id", ids), ("uri", uris)):
            column = table.schema.get_field_index(name)
            table = table.set_column(column, table.schema.field(column), pa.array(values, pa.string()))
        return table

    def _id(self, image: str) -> str:
        if image in self._stored_ids:
            return image
        bare = without_credentials(image)
        return self._stored_id.get(bare) or bare

    @property
    def access(self) -> AccessUrls | None:
        """URLs with credentials of the tables so far; None if there are none."""
        rows = pa.concat_tables(self._kept)
        return AccessUrls(rows.sort_by("id").combine_chunks()) if rows.num_rows else None


def may_have_credentials(texts: pa.ChunkedArray) -> bool:
    """Return whether any of some URLs has a part in which credentials can be."""
    found: bool | None = pc.any(pc.match_substring_regex(texts, _MAY_HAVE_CREDENTIALS)).as_py()
    return bool(found)


def _ids_with_credentials(planned: Location) -> Iterator[str]:
    for part in shards.paths(planned):
        ids = shards.read(part, ["id"])["id"]
        for image in ids.filter(pc.match_substring_regex(ids, _MAY_HAVE_CREDENTIALS)).to_pylist():
            if without_credentials(image) != image:
                yield image
