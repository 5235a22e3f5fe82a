"""Time of an extraction, from the times of a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from osrmac.stopwatch import Durations

__all__ = ["SampleTimes", "Speed", "sample_shards"]

_CONFIDENCE = 0.95

_SHARDS_PER_WORKER = 2
"""Shards of a sample for each worker. Ray Data gives a worker two at a time, so that one which starts a little earlier
than the others leaves them theirs."""

_MIN_SHARD = 3
"""Least number of images in a shard of a sample, of which the first one is not timed."""


def sample_shards(images: int, workers: int) -> int:
    """Return the number of shards of a sample.

    >>> sample_shards(50, workers=2), sample_shards(50, workers=64), sample_shards(1, workers=2)
    (4, 16, 1)
    """
    return max(1, min(_SHARDS_PER_WORKER * workers, images // _MIN_SHARD))


@dataclass(frozen=True)
class SampleTimes:
    """Times of the extraction of a sample.

    Attributes:
        images: Number of images.
        shards: Number of shards.
        workers: Number of workers that described some of them.
        seconds: Wall time, with the start of the workers, without the listing.
        busy: Time of all workers together, without their start.
        steady: Times of single images, without the first of each batch and without commits.
    """

    images: int
    shards: int
    workers: int
    seconds: float
    busy: float
    steady: Durations


@dataclass(frozen=True)
class Speed:
    """How long an extraction takes: a start, and so much for each image and each shard.

    Attributes:
        workers: Number of workers.
        start: Seconds until the workers describe images, and after they have.
        image: Seconds of a worker for an image.
        image_error: Half of the 95% confidence interval of `image`; not a number if too few images were timed.
        shard: Seconds of a worker for a shard: reading ahead for its first image, and writing it.
        sampled: Number of images that this was measured with.
    """

    workers: int
    start: float
    image: float
    image_error: float
    shard: float
    sampled: int

    @classmethod
    def of(cls, sample: SampleTimes, workers: int) -> Speed:
        """Return the speed of some workers.

        Args:
            sample: Times of a sample, described by as many workers.
            workers: Number of workers.
        """
        start = max(0.0, sample.seconds - sample.busy / max(1, sample.workers))
        if not sample.steady.count:
            return cls(workers, start, sample.busy / sample.images, math.nan, 0.0, sample.images)
        image = sample.steady.mean
        shard = max(0.0, sample.busy - sample.images * image) / sample.shards
        return cls(workers, start, image, _half_interval(sample.steady), shard, sample.images)

    def seconds(self, images: int, shards: int) -> float:
        """Return the seconds that it takes to describe some images, without the listing."""
        return self.start + (images * self.image + shards * self.shard) / min(self.workers, shards)

    def margin(self, images: int, shards: int) -> float | None:
        """Return half of the 95% confidence interval of `seconds`, as far as it comes from the choice of the sample.

        It is 0 for a sample of all images, and None where too few were timed.
        """
        if math.isnan(self.image_error):
            return None
        left_out = math.sqrt(max(0.0, 1 - self.sampled / images))
        return images * self.image_error / min(self.workers, shards) * left_out


def _half_interval(durations: Durations) -> float:
    """Return half of the confidence interval of a mean, by Student's t distribution."""
    if durations.count < 2:
        return math.nan
    quantile = float(stdtrit(durations.count - 1, (1 + _CONFIDENCE) / 2))
    return quantile * durations.standard_error
