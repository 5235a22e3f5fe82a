"""Options of the reductions to fewer dimensions, and of the weights of layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from osrmac.config.checks import at_least_one
from osrmac.config.choices import SelectionMethod
from osrmac.errors import ConfigError

__all__ = ["LayerWeightsConfig", "ReductionConfig", "SweepConfig"]


@dataclass(frozen=True, kw_only=True)
class ReductionConfig:
    """Reduction of descriptors to fewer dimensions: a selection of features, PCA-whitening, or a given projection."""

    recipe: Annotated[str, "NAME"] | None = None
    """Descriptor to reduce. (default: osrmac, or else the only recipe of the run)"""

    select: Annotated[tuple[SelectionMethod, ...], "METHOD ..."] = ("leverage", "pfa")
    """Methods that select features: leverage keeps those of largest leverage scores and scales vectors to unit length;
    leverage-centred subtracts the mean of the samples before that; pfa is the paper's Principal Feature Analysis."""

    features: Annotated[tuple[int, ...], "N ..."] = ()
    """Numbers of features to keep. (default: a quarter of the descriptor, such as 768 of 3072)"""

    retained_variance: float = 0.95
    """Share of the variance that the principal axes of leverage and pfa retain, above 0 and below 1."""

    absolute: bool = False
    """Let PFA cluster the absolute loadings, as Lu et al. (2007), instead of the signed ones."""

    samples: Annotated[int | Literal["all"], "N|all"] = "all"
    """Descriptors to fit on: a number drawn at random, or all."""

    seed: int = 0
    """Seed of the clustering, of the sample, and of the first of the 20 random baselines."""

    baselines: bool = True
    """Also fit two baselines of the same size: random selections, and the features of largest variance."""

    whitening: Annotated[tuple[int, ...], "N ..."] = ()
    """Also fit PCA-whitening to these dimensions. With the recipe rmac_regions it whitens each region."""

    power: float = -0.5
    """Power of the eigenvalues that scales the axes of PCA-whitening: -0.5 whitens, -0.25 half-whitens, and 0 only
    rotates. Compare half-whitened vectors with --distance cosine or l2."""

    projection: Annotated[str, "PATH"] | None = None
    """Also apply a linear projection that was fitted elsewhere, normalize(W x + b): a safetensors or .npz file, or a
    torch state dict, of one matrix W (outputs, inputs) and at most one vector b (outputs). (default: none)"""

    fit_on: Annotated[str, "RUN"] | None = None
    """Run with the same descriptor options to fit on. (default: the run itself)"""

    refit: bool = False
    """Fit the reductions again that the run has already, and replace them. Without it they are kept as images are
    added, so that no vector changes."""

    def __post_init__(self) -> None:
        if not 0 < self.retained_variance < 1:
            raise ConfigError(
                f"--retained-variance must be above 0 and below 1, not {self.retained_variance}: "
                "with all of the variance every feature is equally far from every other"
            )
        if len(set(self.select)) < len(self.select):
            raise ConfigError(f"a method is named twice in --select {' '.join(self.select)}")
        if not -1 <= self.power <= 0:
            raise ConfigError(f"--power must be between -1 and 0, not {self.power}")
        if any(k < 1 for k in self.features):
            raise ConfigError(f"--features must be positive, not {min(self.features)}")
        if any(axes < 1 for axes in self.whitening):
            raise ConfigError(f"--whitening must be positive, not {min(self.whitening)}")
        if self.samples != "all" and self.samples < 2:
            raise ConfigError(f"--samples must be 'all' or at least 2, not {self.samples}")


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """The numbers of features to compare."""

    recipe: Annotated[str, "NAME"] | None = None
    """Descriptor to reduce. (default: osrmac, or else the only recipe of the run)"""

    sizes: Annotated[tuple[int, ...], "N ..."] = (32, 64, 128, 256, 384, 512, 768, 1024, 1536, 2048)
    """Numbers of features. Those that are not smaller than the descriptor are left out."""

    seeds: Annotated[int, "N"] = 20
    """Random selections whose mean and spread are computed."""

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ConfigError(f"--sizes must be positive, not {self.sizes}")
        at_least_one(self, "seeds")


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
