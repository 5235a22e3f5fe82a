"""Distractors: images of another run that are ranked along with those of a benchmark, and are all irrelevant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError
from osrmac.evaluation.benchmark import DISTRACTOR, Benchmark
from osrmac.runs.methods import Method
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Block, list_shards, map_shards, read_blocks
from osrmac.storage import shards
from osrmac.storage.run import Identity, Run

__all__ = ["Distractors", "find_distractors", "require_distractors", "with_distractors"]


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


def with_distractors(images: Scan, method: Method, url: str) -> Scan:
    """Return a scan of a collection and of distractors.

    Distractors are read a few shards at a time, with the method's reduction applied to their descriptors, and get ids
    of their own, `distractor:ID`.

    Args:
        images: Scan of the run that is evaluated.
        method: Method of the scan.
        url: Run whose images are the distractors.
    """
    other = Run(url)

    def blocks() -> Iterator[Block]:
        yield from images.blocks()
        for block in read_blocks(other, method, list_shards(other)):
            yield replace(block, ids=[DISTRACTOR + image for image in block.ids])

    return replace(images, blocks=blocks)
