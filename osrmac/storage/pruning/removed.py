"""The images that were removed from a run, remembered without their names.

`RUN/removed/part-*.parquet` holds SHA-256 digests of their ids and URIs, so that later extractions recognise the images
while the run no longer names them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.credentials import without_credentials
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.reading.access import may_have_credentials

__all__ = ["forget", "read", "remember"]

_PART_ROWS = 1_000_000


def remember(folder: Location, *texts: pa.ChunkedArray) -> None:
    """Add the digests of ids and URIs, into the last part if it has room. Those that it has already are kept once.

    Args:
        folder: Folder of the digests.
        texts: Columns of ids and of URIs.
    """
    found = shards.paths(folder)
    added = {digest for column in texts for digest in _digests(column)}
    if found and shards.footer(found[-1]).num_rows < _PART_ROWS:
        known = set(_read(found[-1]).to_pylist())
        if not added <= known:
            _write(found[-1], added | known)
    else:
        number = int(found[-1].name.removeprefix("part-").removesuffix(".parquet")) + 1 if found else 0
        _write(folder / f"part-{number:05d}.parquet", added)


def forget(folder: Location, ids: pa.ChunkedArray) -> None:
    """Remove the digests of some ids."""
    forgotten = pa.array(sorted(set(_digests(ids))), schema.REMOVED.field("digest").type)
    for part in shards.paths(folder) if len(ids) else ():
        digests = _read(part)
        kept = digests.filter(pc.invert(pc.is_in(digests, value_set=forgotten)))
        if not len(kept):
            part.remove()
        elif len(kept) < len(digests):
            _write(part, kept.to_pylist())


def read(folder: Location) -> Iterator[pa.Table]:
    """Yield tables of `schema.REMOVED`; none if no image was ever removed."""
    return map(shards.read, shards.paths(folder))


def _digests(texts: pa.ChunkedArray) -> list[bytes]:
    """Return digests of texts, and of those URLs without credentials that have some, as a listing has them."""
    values = texts.to_pylist()
    bare = map(without_credentials, values) if may_have_credentials(texts) else ()
    return [hashlib.sha256(text.encode()).digest() for text in {*values, *bare}]


def _read(part: Location) -> pa.Array:
    return shards.read(part)["digest"].combine_chunks()


def _write(part: Location, digests: Iterable[bytes]) -> None:
    shards.write_table(part, pa.table([sorted(digests)], schema=schema.REMOVED))
