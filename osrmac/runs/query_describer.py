"""Describe images that are no images of a run as the run's were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from osrmac.descriptor.describer import Describer, Failure
from osrmac.descriptor.models import backbones
from osrmac.errors import StorageError, reason
from osrmac.reduction.base import aggregate
from osrmac.runs.identity import identify_again
from osrmac.runs.methods import System
from osrmac.runs.queries import Question
from osrmac.storage.fetch import Fetcher
from osrmac.storage.run import Run

__all__ = ["describe_queries"]

Matrix = NDArray[np.float32]


def describe_queries(run: Run, system: System, asked: Sequence[Question]) -> list[list[Matrix]]:
    """For each query its vectors, one for each recipe of the system, (k,).

    Raises:
        OsrmacError: An image cannot be read or described, or the weights of the run cannot be had.
    """
    identity, weights = identify_again(run)
    config = replace(identity.descriptor, recipes=system.recipes)
    describer = Describer(backbones.build(config.backbone, config.taps, weights.state), config)
    contents = Fetcher()(question.uri for question in asked)
    return [_describe(describer, system, *pair) for pair in zip(asked, contents, strict=True)]


def _describe(describer: Describer, system: System, question: Question, content: bytes | Exception) -> list[Matrix]:
    if isinstance(content, Exception):
        raise StorageError(f"{question.name} is no image of the run, and cannot be read: {reason(content)}")
    (result,) = describer([content], [question.box])
    if isinstance(result, Failure):
        raise StorageError(f"{question.name} cannot be described, it failed at {result.stage}: {result.reason}")
    return [_compared(system, result.vectors[recipe]) for recipe in system.recipes]


def _compared(system: System, vector: Matrix) -> Matrix:
    """The vector of one image as it is compared, (k,), from its descriptor, (d,) or (R, d)."""
    if system.on_reading is not None:
        return aggregate(system.on_reading.apply(vector), np.array([len(vector)]))[0]
    return system.shorten(vector[None])[0]
