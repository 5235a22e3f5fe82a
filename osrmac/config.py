"""Options and their defaults: frozen dataclasses from which the command line and the Python API are derived.

The string below each field is the help text of the option; `osrmac.options` describes its form.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

from osrmac.errors import ConfigError

FORMAT_VERSION = 1
"""Version of the files of a run, recorded in run.json. Readers refuse versions that they do not know."""

_FINGERPRINTED_FORMAT = 1  # constant since version 0.1.0: a new file format changes no descriptor

_STORED_NAMES = {"layers": "taps", "image_sizes": "scales"}
"""Options that run.json and the fingerprint store under another name, that of version 0.1.0."""

Distance = Literal["l1", "l2", "cosine"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]
BenchmarkName = Literal["holidays", "ukbench", "oxford5k", "paris6k", "roxford5k", "rparis6k", "groups"]


def _at_least_one(config: object, *names: str) -> None:
    """Raise ConfigError if one of these options is given and less than 1."""
    for name in names:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, not {value}")


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network, and the images that it sees."""

    backbone: Annotated[str, "NAME"] = "resnet50"
    """Network: resnet18, resnet34, resnet50, resnet101, resnet152, resnet50_caffe, efficientnet_lite0,
    efficientnet_lite1, efficientnet_lite2, or timm:NAME for a network of the timm package."""

    weights: Annotated[str, "auto|PATH|random:SEED"] = "auto"
    """Weights of the network: auto for ImageNet, the path or URL of a checkpoint, or random:SEED."""

    layers: Annotated[tuple[str, ...], "NAME ..."] = ()
    """Layers whose feature maps are pooled, the last layer first. (default: the last two stages of the backbone)"""

    image_sizes: Annotated[tuple[int, ...], "PIXELS ..."] = (1050, 800, 550)
    """Sizes at which an image is described: its longest side in pixels. Recipes of one size use the middle one."""

    precision: Precision = "fp32"
    """Floating-point format of the network; pooling always computes in fp32. bf16 is faster on GPUs and on CPUs
    with AMX or AVX512-BF16; fp16 is more exact than bf16 and as fast on GPUs, but slow on most CPUs."""

    exif_orientation: bool = True
    """Rotate images as their EXIF orientation says."""

    max_pixels: Annotated[int, "PIXELS"] = 178_956_970
    """Largest number of pixels of an image. Larger images fail, as possible decompression bombs."""

    def __post_init__(self) -> None:
        if not self.image_sizes or min(self.image_sizes) < 1 or len(set(self.image_sizes)) < len(self.image_sizes):
            raise ConfigError(f"--image-sizes must be distinct positive numbers of pixels, not {self.image_sizes}")
        _at_least_one(self, "max_pixels")


@dataclass(frozen=True, kw_only=True)
class DescriptorConfig(BackboneConfig):
    """The descriptors to compute. They depend on nothing but these options and the weights."""

    recipes: Annotated[tuple[str, ...], "NAME ..."] = ("osrmac",)
    """Descriptors to compute, all in one pass of the network: single, late, early, early_prev, osrmac, osrmac_local,
    mac, late_mac, rmac, late_rmac, rmac_integral, rmac_regions, msrmac, late_msrmac."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.recipes:
            raise ConfigError("no recipe given: name at least one, for example --recipes osrmac")
        if len(set(self.recipes)) < len(self.recipes):
            raise ConfigError(f"a recipe is named twice in --recipes {' '.join(self.recipes)}")

    def to_json(self) -> dict[str, Any]:
        """Return the options under their stored names, as run.json has them."""
        return {_STORED_NAMES.get(key, key): value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that `to_json` stored; lists become tuples."""
        names = {stored: name for name, stored in _STORED_NAMES.items()}
        options: dict[str, Any] = {
            names.get(key, key): tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**options)


DEMO_DESCRIPTOR = DescriptorConfig(
    backbone="efficientnet_lite0", recipes=("single", "late", "early", "early_prev", "osrmac")
)
"""Descriptors of the demo: a network whose weights are a Python package, and the steps of the paper as recipes."""


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """The Ray cluster that does the work."""

    address: Annotated[str, "HOST:PORT"] | None = None
    """Ray cluster to join. (default: $RAY_ADDRESS if set, else Ray is started on this machine)"""

    log_ray: bool = False
    """Show the log of Ray."""


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
    """Compile the network on CPUs, for images of 4:3 and 3:2. Needs a C++ compiler, and takes time at first."""

    concurrent_reads: Annotated[int, "N"] = 16
    """Files that each describing process reads at the same time, ahead of their use."""

    shard_rows: Annotated[int, "N"] | None = None
    """Images per shard. A process that is killed loses at most one shard of work, next to a GPU two.
    (default: 1/500 of the collection, up to 128 MB)"""

    def __post_init__(self) -> None:
        _at_least_one(self, "workers", "threads", "concurrent_reads", "shard_rows")
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
        _at_least_one(self, "attempts", "max_bytes")
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
class CollectionConfig:
    """The collection, where the run has images of it already."""

    moved: bool = False
    """Accept that the images are in another folder or bucket than before. Those with the same path, size, and etag or
    modification time are not described again; the others are."""

    trust_size: bool = False
    """Take an image that has moved for the same if its path and size are, and do not describe it again."""


@dataclass(frozen=True, kw_only=True)
class ReductionConfig:
    """Reduction of descriptors to fewer dimensions, by Principal Feature Analysis (PFA) or PCA-whitening."""

    recipe: Annotated[str, "NAME"] | None = None
    """Descriptor to reduce. (default: osrmac, or else the only recipe of the run)"""

    features: Annotated[tuple[int, ...], "N ..."] = ()
    """Numbers of features that PFA keeps. (default: a quarter of the descriptor, such as 768 of 3072)"""

    retained_variance: float = 0.95
    """Share of the variance that the principal axes of PFA retain, above 0 and below 1."""

    absolute: bool = False
    """Let PFA cluster the absolute loadings, as Lu et al. (2007), instead of the signed ones."""

    samples: Annotated[int | Literal["all"], "N|all"] = "all"
    """Descriptors to fit on: a number drawn at random, or all."""

    seed: int = 0
    """Seed of the clustering, of the sample and of the random baseline."""

    baselines: bool = True
    """Also fit two baselines of the same size: a random selection, and the features of largest variance."""

    whitening: Annotated[tuple[int, ...], "N ..."] = ()
    """Also fit PCA-whitening to these dimensions. With the recipe rmac_regions it whitens each region."""

    fit_on: Annotated[str, "RUN"] | None = None
    """Run with the same descriptor options to fit on. (default: the run itself)"""

    def __post_init__(self) -> None:
        if not 0 < self.retained_variance < 1:
            raise ConfigError(
                f"--retained-variance must be above 0 and below 1, not {self.retained_variance}: "
                "with all of the variance every feature is equally far from every other"
            )
        if any(k < 1 for k in self.features):
            raise ConfigError(f"--features must be positive, not {min(self.features)}")
        if any(axes < 1 for axes in self.whitening):
            raise ConfigError(f"--whitening must be positive, not {min(self.whitening)}")
        if self.samples != "all" and self.samples < 2:
            raise ConfigError(f"--samples must be 'all' or at least 2, not {self.samples}")


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """The benchmark, its ground truth and its queries."""

    benchmark: BenchmarkName | None = None
    """Benchmark to score with; groups is for a collection of your own."""

    ground_truth: Annotated[str, "PATH"] | None = None
    """Ground truth: the folder of the authors (oxford5k, paris6k), gnd_NAME.pkl or the same as JSON (roxford5k,
    rparis6k), a CSV with the columns id, group and optionally query (groups), a list of image names (holidays).
    (default: not needed by ukbench and holidays)"""

    queries: Annotated[tuple[str, ...], "MODE ..."] = ()
    """Query modes: cropped, whole (oxford5k, paris6k); easy, medium, hard (roxford5k, rparis6k); all, first
    (ukbench); first (holidays); all, marked (groups). (default: all modes of the benchmark)"""

    distance: Distance = "l1"
    """Distance between two descriptors."""

    subset: bool = False
    """Accept a collection that lacks images of the benchmark. The score names its coverage."""

    @property
    def name(self) -> str:
        """Name of the benchmark; raises ConfigError if none is given."""
        if self.benchmark is None:
            raise ConfigError("no benchmark given: name one with --benchmark")
        return self.benchmark


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig(BenchmarkConfig):
    """The benchmark, and what is averaged before images are ranked."""

    query_expansion: Annotated[int, "N"] = 0
    """Nearest neighbours that a query is averaged with before it is searched again. The paper uses none."""

    database_augmentation: Annotated[int, "N"] = 0
    """Nearest neighbours that every image is averaged with. The paper uses none."""

    alpha: float = 3.0
    """Exponent of the weight of a neighbour in these averages: its cosine similarity to this power."""

    def __post_init__(self) -> None:
        if min(self.query_expansion, self.database_augmentation) < 0:
            raise ConfigError("--query-expansion and --database-augmentation must be 0 or more")
        if self.alpha <= 0:
            raise ConfigError(f"--alpha must be positive, not {self.alpha}")


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """The vectors that represent an image."""

    method: Annotated[str, "NAME"] | None = None
    """Recipe or reduction whose vectors are used, named as in an evaluation.
    (default: the longest PFA reduction of osrmac, or else the descriptor itself)"""


@dataclass(frozen=True, kw_only=True)
class ComparisonConfig(MethodConfig):
    """How images are compared."""

    distance: Distance = "l1"
    """Distance between two vectors."""

    device: Device = "auto"
    """Device that computes the distances. auto uses a GPU if there is one."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig(ComparisonConfig):
    """The queries, and how images are compared."""

    top: Annotated[int, "N"] = 10
    """Images to find for each query."""

    box: Annotated[tuple[float, float, float, float], "LEFT TOP RIGHT BOTTOM"] | None = None
    """Part of the query image to search for, in pixels of the upright image. (default: the entire image)"""

    query_expansion: Annotated[int, "N"] = 0
    """Nearest neighbours that a query is averaged with before it is searched again."""

    alpha: float = 3.0
    """Exponent of the weight of such a neighbour: its cosine similarity to this power."""

    def __post_init__(self) -> None:
        _at_least_one(self, "top")
        if self.query_expansion < 0:
            raise ConfigError(f"--query-expansion must be 0 or more, not {self.query_expansion}")
        if self.alpha <= 0:
            raise ConfigError(f"--alpha must be positive, not {self.alpha}")


@dataclass(frozen=True, kw_only=True)
class DuplicatesConfig(ComparisonConfig):
    """When two images count as near-duplicates."""

    threshold: float | None = None
    """Largest distance between two near-duplicates. (default: suggested by the distances of a sample)"""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold < math.inf:
            raise ConfigError(f"--threshold must be 0 or more, not {self.threshold}")


@dataclass(frozen=True, kw_only=True)
class ExportConfig(MethodConfig):
    """The vectors to export, and their format."""

    to: Literal["lance", "faiss", "npy"]
    """Format: a LanceDB table, a flat FAISS index, or a NumPy array."""


@dataclass(frozen=True, kw_only=True)
class LayerWeightsConfig:
    """The weights of the layers of a descriptor (Li et al. 2017)."""

    recipe: Annotated[str, "NAME"] | None = None
    """Descriptor whose layers are weighted. (default: the only one of the run with several layers)"""

    layer_weights: Annotated[tuple[float, ...], "WEIGHT ..."] = ()
    """Weights to use, one for each layer, the last layer first. (default: fitted on the benchmark)"""

    grid: Annotated[tuple[float, ...], "WEIGHT ..."] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    """Values to try for each weight. All weights start at 1, and only their ratios matter."""

    fit_on: Annotated[str, "RUN"] | None = None
    """Run with the same descriptor options, on which the benchmark is scored. (default: the run itself)"""

    def __post_init__(self) -> None:
        if not all(0 <= weight < math.inf for weight in self.layer_weights + self.grid):
            raise ConfigError("--layer-weights and --grid must be 0 or more")
        if not self.grid or (self.layer_weights and not any(self.layer_weights)):
            raise ConfigError("--layer-weights must not all be 0, and --grid must not be empty")


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """The numbers of features to compare."""

    recipe: Annotated[str, "NAME"] | None = None
    """Descriptor to reduce. (default: osrmac, or else the only recipe of the run)"""

    sizes: Annotated[tuple[int, ...], "N ..."] = (32, 64, 128, 256, 384, 512, 768, 1024, 1536, 2048)
    """Numbers of features. Those that are not smaller than the descriptor are left out."""

    seeds: Annotated[int, "N"] = 5
    """Random selections whose mean and spread are computed."""

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ConfigError(f"--sizes must be positive, not {self.sizes}")
        _at_least_one(self, "seeds")


def canonical(descriptor: DescriptorConfig, *, layers: tuple[str, ...], weights: str) -> dict[str, Any]:
    """Return everything that the descriptors of a run depend on, as plain JSON values.

    Args:
        descriptor: The configuration.
        layers: Names of the layers that the backbone reads, the last layer first.
        weights: Digest of the loaded weights.
    """
    values = descriptor.to_json() | {"taps": layers, "weights": weights, "format": _FINGERPRINTED_FORMAT}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in sorted(values.items())}


def fingerprint(values: dict[str, Any]) -> str:
    """Return the SHA-256 of a canonical form in hex, equal for equal descriptors only."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
