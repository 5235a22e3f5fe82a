"""Description of query images with the settings and weights of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from osrmac.descriptor.describer import Describer, Failure
from osrmac.descriptor.models import backbones
from osrmac.descriptor.recipes import need_embedding
from osrmac.errors import OsrmacError, StorageError, reason
from osrmac.reduction.base import aggregate
from osrmac.runs.identity import identify_again
from osrmac.runs.methods import Method
from osrmac.runs.queries import SearchQuery
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.run import Run
from osrmac.types import Box, Matrix

__all__ = ["QueryDescriber", "describe_files"]


class QueryDescriber:
    """Describes images with the settings and weights of a run, which are loaded once.

    Args:
        run: Run with descriptors.
        method: Method whose vectors are made.

    Raises:
        OsrmacError: The weights of the run are unavailable.
    """

    def __init__(self, run: Run, method: Method) -> None:
        self._run, self._method = run, method
        self._describer = _describer(run, method)

    def __call__(self, name: str, content: bytes, box: Box | None = None) -> list[Matrix]:
        """Describe an image file, and return its vectors as the method compares them, one for each recipe, (k,).

        Args:
            name: Name of the image, for messages.
            content: Content of the file.
            box: Part of the image to describe; None for the whole image.

        Raises:
            StorageError: The file cannot be decoded, or the box lies outside of the image.
        """
        (result,) = self._describer([content], [box])
        if isinstance(result, Failure):
            raise StorageError(f"{name} cannot be described, it failed at {result.stage}: {result.reason}")
        return [_reduced(self._method, result.vectors[recipe]) for recipe in self._method.recipes]

    def describe(self, queries: Sequence[SearchQuery]) -> Iterator[list[Matrix] | OsrmacError]:
        """Yield the vectors of each query, or why it cannot be read or described; files are read a few ahead."""
        contents = Fetcher(self._run.reading())(query.uri for query in queries)
        for query, content in zip(queries, contents, strict=True):
            try:
                yield self(query.name, _read(query, content), query.box)
            except StorageError as error:
                yield error


def _read(query: SearchQuery, content: bytes | Exception) -> bytes:
    if isinstance(content, Exception):
        raise StorageError(f"{query.name} cannot be read: {reason(content)}")
    return content


def describe_files(run: Run, method: Method, contents: Sequence[bytes]) -> list[list[Matrix] | None]:
    """Describe image files as `QueryDescriber` does; None stands for a file that cannot be described.

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


def _reduced(method: Method, vector: Matrix) -> Matrix:
    """Return the vector of one image as a method compares it, (k,), from its descriptor, (d,) or (R, d)."""
    if method.regional:
        regions = vector if method.reduction is None else method.reduction.apply(vector)
        return aggregate(regions, np.array([len(vector)]))[0]
    return method.reduce(vector[None])[0]
