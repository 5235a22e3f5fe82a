"""What a search is asked with: images of the run, or any others, described as the run's were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from osrmac.errors import StorageError
from osrmac.runs.methods import Method
from osrmac.runs.reduced_reader import read_shard
from osrmac.runs.shard_reader import rows
from osrmac.storage import schema
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Box, Matrix

__all__ = ["SearchQuery", "find_queries", "vectors"]


@dataclass(frozen=True)
class SearchQuery:
    """An image that is asked with.

    Attributes:
        name: As it was given, in Unicode.
        uri: Where it lies.
        box: The part that is asked with, or None for all of it.
        row: What the run knows of it, or None if it has to be described.
    """

    name: str
    uri: str
    box: Box | None
    row: dict[str, Any] | None


def find_queries(queries: Sequence[str], within: Sequence[Location], box: Box | None) -> list[SearchQuery]:
    """Look the queries up: what is no id of the run is a path or URL.

    Args:
        queries: Ids, paths or URLs.
        within: URLs of the shards of the run's descriptors.
        box: Part of the images to ask with, or None for all of them.

    Raises:
        StorageError: An image of the run could not be described.
    """
    names = [to_unicode(query) if not is_unicode(query) else query for query in queries]
    known = rows(names, within)
    return [_question(query, name, known.get(name), box) for query, name in zip(queries, names, strict=True)]


def _question(query: str, name: str, row: dict[str, Any] | None, box: Box | None) -> SearchQuery:
    if row is None:
        uri = query if is_unicode(query) else file_url(Location.of(query).path)
        return SearchQuery(name, uri, box, None)
    if row["status"] != schema.OK:
        raise StorageError(f"{name} has no descriptor, it failed at {row['error_stage']}: {row['error']}")
    return SearchQuery(name, row["uri"], box, row if box is None else None)


def vectors(run: Run, method: Method, asked: Sequence[SearchQuery]) -> list[Matrix]:
    """What is compared with the images: for each recipe of the system (m, k).

    Raises:
        OsrmacError: An image cannot be read or described, or the weights of the run cannot be had.
    """
    stored = [_stored(run, method, query.row) for query in asked if query.row is not None]
    described = _described(run, method, [query for query in asked if query.row is None])
    each = [(described if query.row is None else stored).pop(0) for query in asked]
    return [np.stack(of_recipe) for of_recipe in zip(*each, strict=True)]


def _stored(run: Run, method: Method, row: dict[str, Any]) -> list[Matrix]:
    """The vectors of an image of the run, one for each recipe, (k,)."""
    read = [read_shard(run, row["shard"], recipe, method.reduction) for recipe in method.recipes]
    return [of_recipe.values[of_recipe.ids.index(row["id"])] for of_recipe in read]


def _described(run: Run, method: Method, asked: Sequence[SearchQuery]) -> list[list[Matrix]]:
    if not asked:
        return []
    # A search by id must not wait for torch.
    from osrmac.runs.query_describer import describe_queries

    return describe_queries(run, method, asked)
