"""Result of an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from osrmac.estimation.costs import Volume
from osrmac.runs.failures import Failures

__all__ = ["Estimate", "GpuTime", "MachineTime", "SampleFacts"]


@dataclass(frozen=True)
class SampleFacts:
    """The images that were described.

    Attributes:
        images: Number of images.
        failures: Images without descriptors, grouped by stage and reason.
        megapixels: Mean size of the others.
        seconds: Time that listing and describing took.
    """

    images: int
    failures: tuple[Failures, ...]
    megapixels: float
    seconds: float

    @property
    def failed(self) -> int:
        """Number of images without descriptors."""
        return sum(kind.count for kind in self.failures)


@dataclass(frozen=True)
class MachineTime:
    """Time of `osrmac extract` with the machine or cluster that described the sample.

    Attributes:
        device: `cpu` or `cuda`.
        workers: Number of describing processes.
        cpus: CPU threads of all of them.
        listing_seconds: Time to list the collection.
        start_seconds: Time until images are described, and after they are.
        image_seconds: Time of one describing process for an image.
        hours: Time of the whole collection.
        margin_hours: Half of the 95% confidence interval of `hours`, because only a sample was described; None if too
            few images were timed.
        cpu_hours: Hours of all CPU threads together.
    """

    device: str
    workers: int
    cpus: int
    listing_seconds: float
    start_seconds: float
    image_seconds: float
    hours: float
    margin_hours: float | None
    cpu_hours: float


@dataclass(frozen=True)
class GpuTime:
    """Time with GPUs.

    Attributes:
        gpus: Number of GPUs.
        gflop_per_image: Floating-point operations of the network for an image, in billions; a multiplication and an
            addition are two.
        images_per_second: Speed of one GPU.
        source: Whether that was `measured` on the sample, `given`, or `assumed` from that of ResNet50 on an H200.
        gpu_hours: Hours of all GPUs together.
        hours: Time of the whole collection, without the start.
    """

    gpus: int
    gflop_per_image: float
    images_per_second: float
    source: Literal["measured", "given", "assumed"]
    gpu_hours: float
    hours: float


@dataclass(frozen=True)
class Estimate:
    """What an extraction of a collection would take and cost.

    Attributes:
        images: Number of images.
        skipped: Numbers of files, by kind, that the listing passed over.
        sample: The images that were described.
        machine: Time with the machine or cluster that described them.
        gpu: Time with GPUs.
        volume: Bytes, shards and requests.
        costs: Costs by item: see `osrmac.estimation.costs.costs`.
    """

    images: int
    skipped: Mapping[str, int]
    sample: SampleFacts
    machine: MachineTime
    gpu: GpuTime
    volume: Volume
    costs: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return asdict(self) | {"sample": asdict(self.sample) | {"failed": self.sample.failed}}
