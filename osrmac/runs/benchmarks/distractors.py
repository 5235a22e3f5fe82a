"""Distractors: images of another run that are ranked along with those of a benchmark, and are all irrelevant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError
from osrmac.evaluation.benchmark import DISTRACTOR, Benchmark
from osrmac.runs.methods import Method
from osrmac.runs.shard_reader import Block, Source, list_shards, map_shards, source
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Identity, Run

__all__ = ["Distractors", "distractor_source", "find_distractors", "require_distractors"]


@dataclass(frozen=True)
class Distractors:
    """The images of another run, all of them irrelevant to every query.

    Attributes:
        run: The other run.
        images: Number of its described images.
        namesakes: Number of them that are named like images of the ground truth.
    """

    run: Run
    images: int
    namesakes: int

    def __str__(self) -> str:
        named = f", {self.namesakes} of them named like images of the ground truth" if self.namesakes else ""
        return f"{self.images} of {without_credentials(self.run.url)}{named}"


def require_distractors(identity: Identity, url: str) -> Run:
    """Return the run whose images are distractors.

    Raises:
        StorageError: There is no such run, it has no descriptors, or its settings differ.
    """
    other = Run(url)
    other.require(identity, "describe the distractors with the settings of the run that is evaluated")
    list_shards(other)
    return other


def find_distractors(run: Run, url: str, benchmark: Benchmark, ids: Collection[str]) -> Distractors:
    """Look up the images of another run, one shard at a time.

    Ground truths name images by their file names, which distractors may share by chance, such as `0001.jpg`. Such
    namesakes count as irrelevant like all distractors; their number is part of the result.

    Args:
        run: Run that is evaluated.
        url: URL of the other run.
        benchmark: Benchmark with its ground truth.
        ids: Ids of the described images of the first run.

    Raises:
        ConfigError: The two runs are one, or an id could be mistaken for that of a distractor.
        StorageError: See `require_distractors`.
    """
    other = require_distractors(run.identity(), url)
    if other.location == run.location:
        raise ConfigError(f"--distractors {url} is the run that is evaluated: name a run of other images")
    if mistaken := next((image for image in ids if image.startswith(DISTRACTOR)), None):
        raise ConfigError(f"{mistaken!r} of {run.url} would be mistaken for a distractor: rename the image")
    known = benchmark.named
    images = namesakes = 0
    for found in map_shards(shards.described_ids, list_shards(other)):
        images += len(found)
        namesakes += sum(benchmark.naming(image) in known for image in found)
    return Distractors(other, images, namesakes)


def distractor_source(method: Method, url: str) -> Source:
    """Return the images of another run as distractors.

    They are read a few shards at a time, with the method's reduction applied to their descriptors, and get ids of their
    own, `distractor:ID`.

    Args:
        method: Method that is compared.
        url: Run whose images are the distractors.
    """
    images = source(Run(url), method)
    return replace(images, read=partial(_renamed, images.read))


def _renamed(read: Callable[[Sequence[Location]], Iterable[Block]], within: Sequence[Location]) -> Iterator[Block]:
    return (replace(block, ids=[DISTRACTOR + image for image in block.ids]) for block in read(within))
