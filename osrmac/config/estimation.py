"""Options of the estimate of what an extraction takes and costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from osrmac.config.checks import at_least_one
from osrmac.errors import ConfigError

__all__ = ["ASSUMED_GPU_RATE", "ASSUMED_GPU_TFLOPS", "EstimateConfig"]

ASSUMED_GPU_TFLOPS, ASSUMED_GPU_RATE = 108.0, 426.0
"""Speed of a GPU from JPEG bytes, in TFLOP/s, and the most images per second, which its CPUs decode: those of ResNet50
in bf16 on an H200 beside 16 CPUs (`python -m benchmarks.device OUT --only throughput`)."""

_PRICES = ("cpu_price", "gpu_price", "get_price", "put_price", "storage_price")


@dataclass(frozen=True, kw_only=True)
class EstimateConfig:
    """The sample that is described, the GPUs to compare with, and prices, in any currency."""

    sample: Annotated[int, "N"] | None = None
    """Images to describe, drawn at random. (default: 50, or 10 for each describing process if that is more; 1000 for
    each process that has a GPU)"""

    seed: int = 0
    """Seed of the draw."""

    scratch: Annotated[str, "FOLDER"] | None = None
    """Folder or URL in which the descriptors of the sample are kept until the end. On a cluster, one that all nodes can
    write to. (default: the folder for temporary files of this machine)"""

    gpus: Annotated[int, "N"] = 1
    """Number of GPUs to estimate the time for."""

    gpu_tflops: Annotated[float, "TFLOPS"] | None = None
    """Speed of a GPU in TFLOP/s, from the file of an image to its descriptor. (default: that of the sample if GPUs
    describe it, or else 108 and at most 426 images per second, as ResNet50 in bf16 on an H200 beside 16 CPUs)"""

    gpu_rate: Annotated[float, "N"] | None = None
    """Images per second of a GPU, instead of --gpu-tflops. (default: from --gpu-tflops)"""

    cpu_price: Annotated[float, "PRICE"] | None = None
    """Price of a CPU for an hour. (default: no cost)"""

    gpu_price: Annotated[float, "PRICE"] | None = None
    """Price of a GPU for an hour, with the CPUs beside it. (default: no cost)"""

    get_price: Annotated[float, "PRICE"] | None = None
    """Price of a million GET and HEAD requests. (default: no cost)"""

    put_price: Annotated[float, "PRICE"] | None = None
    """Price of a million PUT and LIST requests. (default: no cost)"""

    storage_price: Annotated[float, "PRICE"] | None = None
    """Price of a gigabyte for a month. (default: no cost)"""

    def __post_init__(self) -> None:
        at_least_one(self, "sample", "gpus")
        if self.gpu_tflops is not None and self.gpu_rate is not None:
            raise ConfigError("--gpu-tflops and --gpu-rate both give the speed of a GPU: leave out one of them")
        for name in ("gpu_tflops", "gpu_rate"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"--{name.replace('_', '-')} must be positive, not {value:g}")
        for name in _PRICES:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ConfigError(f"--{name.replace('_', '-')} must not be negative, not {value:g}")
