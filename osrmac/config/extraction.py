"""Options of extraction: the processes, the reading of images, and failures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

from osrmac.config.checks import at_least_one
from osrmac.config.choices import Device
from osrmac.errors import ConfigError

__all__ = [
    "ClusterConfig",
    "CollectionConfig",
    "ComputeConfig",
    "FailureConfig",
    "FetchConfig",
    "ListingConfig",
    "PruneConfig",
]


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """The Ray cluster that does the work."""

    address: Annotated[str, "HOST:PORT"] | None = None
    """Ray cluster to join. (default: $RAY_ADDRESS if set, else Ray is started on this machine)"""

    log_ray: bool = False
    """Show the log of Ray."""

    @property
    def named(self) -> str | None:
        """Address of the cluster to join; None where there is none, and Ray would be started on this machine."""
        return self.address or os.environ.get("RAY_ADDRESS")


@dataclass(frozen=True, kw_only=True)
class ComputeConfig(ClusterConfig):
    """The processes that describe images. No result depends on them, except for rounding."""

    device: Device = "auto"
    """Device of the network. auto uses the GPUs if the cluster has any."""

    workers: Annotated[int, "N"] | None = None
    """Number of describing processes. (default: as many as the CPUs or GPUs allow)"""

    max_workers: Annotated[int, "N"] | None = None
    """Number of describing processes to grow to on a cluster that adds nodes by itself. It starts with --workers, or
    with one, and waits for that. Add --device cuda if the GPUs are still to come. (default: --workers)"""

    gpu_share: float = 1.0
    """Share of a GPU for each describing process, above 0 and at most 1."""

    threads: Annotated[int, "N"] | None = None
    """CPU threads of each describing process; next to a GPU they decode images.
    (default: 1; with GPUs, the CPUs of a node divided by its describing processes, at most 16)"""

    compile: bool = False
    """Compile the network: on CPUs for images of 4:3 and 3:2, on GPUs for batches of any size. Needs a C++ compiler,
    and takes time at first."""

    concurrent_reads: Annotated[int, "N"] = 16
    """Files that each describing process reads at the same time, ahead of their use."""

    shard_rows: Annotated[int, "N"] | None = None
    """Images per shard, at most. A process that is killed loses at most one shard of work, next to a GPU two and some
    300 images. (default: those of about 10 seconds, from 8 to 64, or else 1/500 of the collection, up to 128 MB)"""

    def __post_init__(self) -> None:
        at_least_one(self, "workers", "threads", "concurrent_reads", "shard_rows")
        if self.max_workers is not None and self.max_workers < (self.workers or 1):
            raise ConfigError(f"--max-workers must be at least --workers, or 1, not {self.max_workers}")
        if not 0 < self.gpu_share <= 1:
            raise ConfigError(f"--gpu-share must be above 0 and at most 1, not {self.gpu_share}")


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """Reading of image files."""

    attempts: Annotated[int, "N"] = 5
    """Attempts to read a file, if its error may be transient."""

    fetch_timeout: Annotated[float, "SECONDS"] = 60.0
    """Time limit of one attempt to read a file."""

    max_bytes: Annotated[int, "BYTES"] = 320_000_000
    """Largest size of an image file, after HTTP compression is undone. Larger files fail, and are not read further."""

    public_http_only: bool = False
    """Refuse HTTP redirects, and HTTP servers at private, loopback, link-local and reserved addresses. For lists of
    URLs from people you do not trust."""

    def __post_init__(self) -> None:
        at_least_one(self, "attempts", "max_bytes")
        if self.fetch_timeout <= 0:
            raise ConfigError("--fetch-timeout must be positive")


@dataclass(frozen=True, kw_only=True)
class FailureConfig(FetchConfig):
    """Reading of image files, time limits, and how many images may fail."""

    retry_failed: bool = False
    """Describe again the images that failed in an earlier call."""

    max_failure_rate: float = 0.5
    """Share of the images that may fail, from 0 to 1. The command stops above it, but not before 100 images."""

    image_timeout: Annotated[float, "SECONDS"] = 600.0
    """Time limit for one image, without the time to read its file, after which its process is restarted. An image that
    exceeds it three times fails."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.max_failure_rate <= 1:
            raise ConfigError(f"--max-failure-rate must be between 0 and 1, not {self.max_failure_rate}")
        if self.image_timeout <= 0:
            raise ConfigError("--image-timeout must be positive")


@dataclass(frozen=True, kw_only=True)
class ListingConfig:
    """How a collection is listed."""

    image_column: Annotated[str, "NAME"] | None = None
    """Column with the bytes of the images, in Parquet files with several columns of bytes. (default: the only one)"""


@dataclass(frozen=True, kw_only=True)
class CollectionConfig(ListingConfig):
    """The collection, where the run has images of it already."""

    moved: bool = False
    """Accept that the images are in another folder or bucket than before. Those with the same path, size, and etag or
    modification time are not described again; the others are."""

    trust_size: bool = False
    """Take an image that has moved for the same if its path and size are, and do not describe it again."""

    restore_removed: bool = False
    """Describe images again that osrmac prune has removed, if they are listed. They are left out otherwise."""


@dataclass(frozen=True, kw_only=True)
class PruneConfig:
    """The images to remove from a run."""

    images: Annotated[str, "IMAGES"] | None = None
    """Collection of the run, whose images that are gone are removed. (default: as the last extraction named it)"""

    remove: Annotated[str, "FILE"] | None = None
    """Remove the images that a list names, whether they are gone or not: a .txt file with one id or URI a line, or a
    .csv or .parquet file with a column id or uri. (default: the images that are gone)"""

    yes: bool = False
    """Remove the images. Without it, they are only shown."""

    allow_many: bool = False
    """Remove the images that are gone even if they are more than a tenth."""

    def __post_init__(self) -> None:
        if self.remove is not None and self.images is not None:
            raise ConfigError("--images finds the images that are gone, and --remove names others: give one of them")
