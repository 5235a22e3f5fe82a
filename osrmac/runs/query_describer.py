"""Description of query images with the settings and weights of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from osrmac.descriptor.describer import Describer, Failure
from osrmac.descriptor.models import backbones
from osrmac.descriptor.recipes import need_embedding
from osrmac.errors import StorageError, reason
from osrmac.reduction.base import aggregate
from osrmac.runs.identity import identify_again
from osrmac.runs.methods import Method
from osrmac.runs.queries import SearchQuery
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["describe_files", "describe_queries"]


def describe_queries(run: Run, method: Method, queries: Sequence[SearchQuery]) -> list[list[Matrix]]:
    """Describe images, and return for each of them its vectors as a method compares them, one for each recipe, (k,).

    Raises:
        OsrmacError: An image cannot be read or described, or the weights of the run are unavailable.
    """
    describer = _describer(run, method)
    contents = Fetcher(run.reading())(query.uri for query in queries)
    return [_describe(describer, method, *pair) for pair in zip(queries, contents, strict=True)]


def describe_files(run: Run, method: Method, contents: Sequence[bytes]) -> list[list[Matrix] | None]:
    """Describe image files as `describe_queries` does; None stands for a file that cannot be described.

    Raises:
        OsrmacError: The weights of the run are unavailable.
    """
    results = _describer(run, method)(contents)
    return [
        None if isinstance(result, Failure) else [_reduced(method, result.vectors[recipe]) for recipe in method.recipes]
        for result in results
    ]


def _describer(run: Run, method: Method) -> Describer:
    identity, weights = identify_again(run)
    config = replace(identity.descriptor, recipes=method.recipes)
    embedding = need_embedding(config.recipes)
    return Describer(backbones.build(config.backbone, config.layers, weights.state, embedding=embedding), config)


def _describe(describer: Describer, method: Method, query: SearchQuery, content: bytes | Exception) -> list[Matrix]:
    if isinstance(content, Exception):
        raise StorageError(f"{query.name} cannot be read: {reason(content)}")
    (result,) = describer([content], [query.box])
    if isinstance(result, Failure):
        raise StorageError(f"{query.name} cannot be described, it failed at {result.stage}: {result.reason}")
    return [_reduced(method, result.vectors[recipe]) for recipe in method.recipes]


def _reduced(method: Method, vector: Matrix) -> Matrix:
    """Return the vector of one image as a method compares it, (k,), from its descriptor, (d,) or (R, d)."""
    if method.regional:
        regions = vector if method.reduction is None else method.reduction.apply(vector)
        return aggregate(regions, np.array([len(vector)]))[0]
    return method.reduce(vector[None])[0]
