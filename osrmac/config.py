"""Every option and its default: frozen dataclasses from which the command line and the workflows are derived."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from osrmac.errors import ConfigError

FORMAT_VERSION = 1
"""Version of the files of a run, recorded in run.json. A reader refuses a version that it does not know."""

_FINGERPRINTED_FORMAT = 1
"""Part of every fingerprint since version 0.1.0, and constant: a new file format changes no descriptor."""

_STORED_NAMES = {"layers": "taps", "image_sizes": "scales"}
"""Options that run.json and the fingerprint store under the name that they had in version 0.1.0."""

Distance = Literal["l1", "l2", "cosine"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class DescriptorConfig:
    """What a descriptor depends on."""

    backbone: str = "resnet50"
    """resnet18 to resnet152, resnet50_caffe, efficientnet_lite0 to 2, or timm:NAME."""

    weights: str = "auto"
    """auto (ImageNet), a path or URL of a checkpoint, or random:SEED."""

    layers: tuple[str, ...] = ()
    """Layers to read, the last one first; none: the backbone's own last two stages."""

    recipes: tuple[str, ...] = ("osrmac",)
    """Descriptors to write, all from one pass: single, late, early, early_prev, osrmac, osrmac_local,
    mac, late_mac, rmac, late_rmac, rmac_integral, rmac_regions, msrmac, late_msrmac."""

    image_sizes: tuple[int, ...] = (1050, 800, 550)
    """Longest sides of the image in pixels; `single` uses the middle one."""

    precision: Precision = "fp32"
    """Of the network; pooling is always fp32. bf16 is nearly equal, and faster on GPUs and on CPUs with AMX or
    AVX512-BF16. fp16 is nearer and as fast on GPUs, but slower than fp32 on most CPUs."""

    exif_orientation: bool = True
    """Turn photographs upright as their EXIF data says."""

    max_pixels: int = 178_956_970
    """Images with more pixels are refused as decompression bombs."""

    def __post_init__(self) -> None:
        if not self.recipes:
            raise ConfigError("no recipe given: name at least one, for example --recipes osrmac")
        if len(set(self.recipes)) < len(self.recipes):
            raise ConfigError(f"a recipe is named twice in --recipes {' '.join(self.recipes)}")
        if not self.image_sizes or min(self.image_sizes) < 1 or len(set(self.image_sizes)) < len(self.image_sizes):
            raise ConfigError(f"scales must be distinct positive pixel counts, not {self.image_sizes}")
        if self.max_pixels < 1:
            raise ConfigError(f"--max-pixels must be positive, not {self.max_pixels}")

    def to_json(self) -> dict[str, Any]:
        """The options under their stored names, as `run.json` has them."""
        return {_STORED_NAMES.get(key, key): value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that `to_json` stored; JSON has lists where the options are tuples."""
        names = {stored: name for name, stored in _STORED_NAMES.items()}
        options: dict[str, Any] = {
            names.get(key, key): tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**options)


@dataclass(frozen=True)
class ComputeConfig:
    """How the work is spread; nothing here changes a result by more than rounding."""

    device: Device = "auto"
    """Where descriptors are computed; auto takes the GPUs when the cluster has any."""

    workers: int | None = None
    """Describing processes; none: as many as the CPUs or GPUs carry."""

    max_workers: int | None = None
    """On a cluster that adds nodes by itself: grow to so many processes, from `actors` or 1, and wait for the first.
    With GPUs to come, say --device cuda, too."""

    gpu_share: float = 1.0
    """Part of a GPU that each describing process takes."""

    threads: int | None = None
    """CPU threads of each describing process; beside a GPU, they decode.
    None: 1, or beside a GPU as many as there are for it on every node that has one, up to 16."""

    compile: bool = False
    """On CPUs, compile the network for photographs of 4:3 and 3:2. Needs a C++ compiler.
    It is faster once some seconds have been spent on each of their shapes in every process."""

    concurrent_reads: int = 16
    """Files that each describing process reads at once, ahead of their use."""

    shard_rows: int | None = None
    """Images a shard, which is what a kill costs each process at most, or twice that beside a GPU.
    None: a five-hundredth of the collection, up to 128 MB."""

    address: str | None = None
    """A Ray cluster to join; none: $RAY_ADDRESS if set, else this machine alone."""

    log_ray: bool = False
    """Show Ray's own log lines."""

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"--workers must be at least 1, not {self.workers}")
        if self.max_workers is not None and self.max_workers < (self.workers or 1):
            raise ConfigError(f"--max-workers must not be less than --workers or 1, not {self.max_workers}")
        if not 0 < self.gpu_share <= 1:
            raise ConfigError(f"--gpu-share must be above 0 and at most 1, not {self.gpu_share}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"--threads must be at least 1, not {self.threads}")
        if self.concurrent_reads < 1:
            raise ConfigError(f"--concurrent-reads must be at least 1, not {self.concurrent_reads}")
        if self.shard_rows is not None and self.shard_rows < 1:
            raise ConfigError(f"--shard-rows must be at least 1, not {self.shard_rows}")


@dataclass(frozen=True)
class FailureConfig:
    """What is done about images that cannot be read or described."""

    retry_failed: bool = False
    """Try again what failed before."""

    max_failure_rate: float = 0.5
    """Stop when a larger share of the images fails, judged after the first hundred."""

    attempts: int = 5
    """How often a file is read before its error counts, where trying again can help."""

    fetch_timeout: float = 60.0
    """Seconds that one try may take."""

    image_timeout: float = 600.0
    """Seconds after which a process that is stuck at an image is ended; after three times the image has failed."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_failure_rate <= 1:
            raise ConfigError(f"--max-failure-rate must lie between 0 and 1, not {self.max_failure_rate}")
        if self.attempts < 1:
            raise ConfigError(f"--attempts must be at least 1, not {self.attempts}")
        if min(self.fetch_timeout, self.image_timeout) <= 0:
            raise ConfigError("--fetch-timeout and --image-timeout must be positive")


@dataclass(frozen=True)
class ReductionConfig:
    """How descriptors are shortened by Principal Feature Analysis."""

    recipe: str | None = None
    """Which descriptor to shorten; none: osrmac, or the run's only recipe."""

    features: tuple[int, ...] = ()
    """Numbers of features to keep; none: a quarter, the paper's 768 of 3072."""

    retained_variance: float = 0.95
    """Share of the variance that the principal axes keep."""

    absolute: bool = False
    """Cluster the absolute loadings (Lu et al. 2007) instead of the signed ones."""

    samples: int | Literal["all"] = "all"
    """Descriptors to fit on: a number drawn at random, or all of them."""

    seed: int = 0
    """Seed of the clustering, of the sample and of the random control."""

    baselines: bool = True
    """Also keep a random choice and the top-variance choice of the same size."""

    whitening: tuple[int, ...] = ()
    """Also fit PCA-whitening to these numbers of axes; with rmac_regions, each region is whitened."""

    fit_on: str | None = None
    """Another run, made with the same settings, whose descriptors are fitted on; none: the run's own."""

    def __post_init__(self) -> None:
        if not 0 < self.retained_variance < 1:
            raise ConfigError(
                f"--retained-variance must lie between 0 and 1, not {self.retained_variance}: "
                "with all of the variance every feature is equally far from every other"
            )
        if any(k < 1 for k in self.features):
            raise ConfigError(f"--features must be positive, not {min(self.features)}")
        if any(axes < 1 for axes in self.whitening):
            raise ConfigError(f"--whitening must be positive, not {min(self.whitening)}")
        if self.samples != "all" and self.samples < 2:
            raise ConfigError(f"--samples must be 'all' or at least 2, not {self.samples}")


@dataclass(frozen=True)
class EvaluationConfig:
    """How descriptors are scored."""

    benchmark: str | None = None
    """holidays, ukbench, oxford5k, paris6k, roxford5k, rparis6k, or groups for a collection of your own."""

    ground_truth: str | None = None
    """VGG's folder (oxford5k, paris6k), gnd_NAME.pkl or the same as JSON (roxford5k, rparis6k),
    a CSV of id,group[,query] (groups), a list of names (holidays)."""

    queries: tuple[str, ...] = ()
    """Query modes: cropped, whole (oxford5k, paris6k); easy, medium, hard (roxford5k, rparis6k);
    all, first (ukbench); none: every mode."""

    distance: Distance = "l1"
    """How two descriptors are compared."""

    query_expansion: int = 0
    """Neighbours that a query is averaged with before it is asked again; none in the paper."""

    database_augmentation: int = 0
    """Neighbours that every image is averaged with; none in the paper."""

    alpha: float = 3.0
    """A neighbour weighs its cosine to this power."""

    subset: bool = False
    """Accept a collection that lacks some of the benchmark's images; the score says so."""

    def __post_init__(self) -> None:
        if min(self.query_expansion, self.database_augmentation) < 0:
            raise ConfigError("--query-expansion and --database-augmentation count neighbours: 0 or more")
        if self.alpha <= 0:
            raise ConfigError(f"--alpha must be positive, not {self.alpha}")

    @property
    def name(self) -> str:
        """The benchmark, which must have been given."""
        if self.benchmark is None:
            raise ConfigError("no benchmark given: name one with --benchmark")
        return self.benchmark


@dataclass(frozen=True)
class SearchConfig:
    """What is looked for, and how images are compared."""

    top: int = 10
    """Images to find for each query."""

    box: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom, in pixels, of the part of the image to ask with; none: all of it."""

    method: str | None = None
    """What to compare, named as in an evaluation; none: the descriptor as PFA has shortened it, if it has."""

    distance: Distance = "l1"
    """How two descriptors are compared."""

    device: Device = "auto"
    """Where they are compared; auto: on a GPU if there is one."""

    query_expansion: int = 0
    """Neighbours that a query is averaged with before it is asked again."""

    alpha: float = 3.0
    """A neighbour weighs its cosine to this power."""

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ConfigError(f"--top must be at least 1, not {self.top}")
        if self.query_expansion < 0:
            raise ConfigError("--query-expansion counts neighbours: 0 or more")
        if self.alpha <= 0:
            raise ConfigError(f"--alpha must be positive, not {self.alpha}")


@dataclass(frozen=True)
class DuplicatesConfig:
    """Which images are taken for the same picture."""

    threshold: float | None = None
    """Distance up to which two images are grouped; none: what the distances of a sample suggest."""

    method: str | None = None
    """What to compare, named as in an evaluation; none: the descriptor as PFA has shortened it, if it has."""

    distance: Distance = "l1"
    """How two descriptors are compared."""

    device: Device = "auto"
    """Where they are compared; auto: on a GPU if there is one."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold < math.inf:
            raise ConfigError(f"--threshold must be 0 or more, not {self.threshold}")


@dataclass(frozen=True)
class ExportConfig:
    """Which vectors are written, and how."""

    to: Literal["lance", "faiss", "npy"]
    """A LanceDB table, a flat FAISS index, or NumPy's own format."""

    method: str | None = None
    """Which vectors, named as in an evaluation; none: the descriptor as PFA has shortened it, if it has."""


@dataclass(frozen=True)
class LayerWeightsConfig:
    """How much each layer counts in a descriptor that is made of several (Li et al. 2017)."""

    recipe: str | None = None
    """Which descriptor to weigh; none: the run's only one of several layers."""

    layer_weights: tuple[float, ...] = ()
    """One a layer, the last layer first; none: fitted on the benchmark."""

    grid: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    """What is tried for each weight; all of them start at 1, and only their ratios matter."""

    fit_on: str | None = None
    """Another run, made with the same settings, that the benchmark is asked of; none: the run itself."""

    def __post_init__(self) -> None:
        if not all(0 <= weight < math.inf for weight in self.layer_weights + self.grid):
            raise ConfigError("--layer-weights and --grid must be 0 or more")
        if not self.grid or (self.layer_weights and not any(self.layer_weights)):
            raise ConfigError("--layer-weights must not all be 0, and --grid must not be empty")


@dataclass(frozen=True)
class SweepConfig:
    """How the score depends on the number of features kept."""

    recipe: str | None = None
    """Which descriptor to shorten; none: osrmac, or the run's only recipe."""

    sizes: tuple[int, ...] = (32, 64, 128, 256, 384, 512, 768, 1024, 1536, 2048)
    """Numbers of features; sizes that are not smaller than the descriptor are left out."""

    seeds: int = 5
    """Random choices to take the mean and spread of."""

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ConfigError(f"--sizes must be positive, not {self.sizes}")
        if self.seeds < 1:
            raise ConfigError(f"--seeds must be at least 1, not {self.seeds}")


@dataclass(frozen=True)
class DemoConfig:
    """The demo: real weights that pip brings, on a collection made from bundled photographs."""

    run: str = "osrmac-demo"
    """Folder for the collection and everything computed from it."""

    descriptor: DescriptorConfig = field(
        default=DescriptorConfig(
            backbone="efficientnet_lite0",
            recipes=("single", "late", "early", "early_prev", "osrmac"),
        )
    )
    compute: ComputeConfig = ComputeConfig()
    selection: ReductionConfig = ReductionConfig()


def canonical(descriptor: DescriptorConfig, *, layers: tuple[str, ...], weights: str) -> dict[str, Any]:
    """What the descriptors of a run depend on, as plain JSON values.

    Args:
        descriptor: The configuration.
        layers: The layers really tapped, the last one first.
        weights: Digest of the weights really loaded.
    """
    values = descriptor.to_json() | {"taps": layers, "weights": weights, "format": _FINGERPRINTED_FORMAT}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in sorted(values.items())}


def fingerprint(values: dict[str, Any]) -> str:
    """The SHA-256 of a canonical form, in hex: equal for equal descriptors, different for different ones."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
