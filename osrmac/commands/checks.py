"""Checks of the arguments of a command, cheap enough to run before Ray starts and weights are loaded."""

from __future__ import annotations

import os
from pathlib import Path

from osrmac.config import BenchmarkConfig, DescriptorConfig, ReductionConfig
from osrmac.errors import ConfigError
from osrmac.evaluation import protocols
from osrmac.runs.reductions.stored import settled_recipe
from osrmac.storage.listing.collection import folder_within
from osrmac.storage.location import Location
from osrmac.storage.reading.text_files import read_files
from osrmac.storage.run import Identity, Run
from osrmac.table_files import SUFFIXES, table_bytes

__all__ = [
    "BUILTIN_BACKBONES",
    "BUILTIN_RECIPES",
    "check_benchmark",
    "check_descriptor",
    "check_file_writable",
    "check_reduction",
    "check_separate",
    "check_table",
    "check_writable",
]

BUILTIN_BACKBONES = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50_caffe"),
    *("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
)
BUILTIN_RECIPES = (
    *("single", "late", "early", "early_prev", "osrmac", "osrmac_local", "mac", "late_mac", "rmac", "late_rmac"),
    *("rmac_integral", "rmac_regions", "msrmac", "late_msrmac"),
    *("gem", "late_gem", "max_gem", "superglobal", "global"),
)
"""Names that are valid without a look at the registries, whose import loads torch."""


def check_descriptor(descriptor: DescriptorConfig) -> None:
    """Check the names of the backbone and the recipes.

    Raises:
        ConfigError: Unknown backbone or recipe, or a backbone of a package that is not installed.
    """
    if descriptor.backbone not in BUILTIN_BACKBONES:
        from osrmac.descriptor.models.architectures import get_architecture

        get_architecture(descriptor.backbone)
    if not set(descriptor.recipes) <= set(BUILTIN_RECIPES):
        from osrmac.descriptor.recipes import RECIPES

        for name in descriptor.recipes:
            if name not in RECIPES:
                raise ConfigError(f"unknown recipe '{name}': choose from {', '.join(RECIPES)}")


def check_writable(location: Location) -> None:
    """Check that a folder can be made or written, as far as the permissions of a local one tell.

    Raises:
        ConfigError: A file, or a folder without write permission, is in the way, or the location is in the memory of
            this process.
    """
    if "memory" in location.fs.protocol:
        raise ConfigError(f"{location} would be lost at the end of this process: name a folder or a bucket")
    if not location.is_local:
        return
    folder = Path(location.path)
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        problem = "no write permission for" if folder.is_dir() else "a file is at"
        raise ConfigError(f"cannot write to {location}, {problem} {folder}: choose another folder")


def check_file_writable(file: Location) -> None:
    """Check that a file can be written, as far as the permissions of a local one tell.

    Raises:
        ConfigError: It is a folder, or its folder cannot be made or written.
    """
    if file.is_local:
        if Path(file.path).is_dir():
            raise ConfigError(f"cannot write to {file}, a folder is there: name a file")
        check_writable(Location.of(Path(file.path).parent))


def check_table(file: Path) -> None:
    """Check that a table can be written to a local file.

    Raises:
        ConfigError: It is of another kind than .csv, .xlsx or .parquet, or cannot be written, or XlsxWriter is missing.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{file} is no kind of table: name a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file")
    table_bytes(file.suffix.lower(), (), ())
    check_file_writable(Location.of(file))


def check_separate(images: Location, run: Run) -> None:
    """Check that a new run does not have the folder of its images. It may be below that folder: see `listing`.

    Raises:
        ConfigError: It has, and there is no run yet.
    """
    if folder_within(run.location, images) == "" and not run.exists():
        raise ConfigError(
            f"{run.url} is the folder of the images: name another folder for the run, such as {run.url}-run"
        )


def check_benchmark(evaluation: BenchmarkConfig) -> None:
    """Check the benchmark, its query modes, and its ground truth as far as it does not depend on the collection.

    Raises:
        BenchmarkError: Unknown query mode, or missing or malformed ground truth.
        StorageError: The ground truth does not exist or cannot be read.
    """
    protocols.check(evaluation.name, ground_truth=evaluation.ground_truth is not None, modes=evaluation.queries)
    if evaluation.ground_truth is not None:
        files = read_files(Location.of(evaluation.ground_truth))
        benchmark = protocols.load(evaluation.name, files, collection=(), subset=evaluation.subset)
        benchmark.in_modes(evaluation.queries)


def check_reduction(identity: Identity, reduction: ReductionConfig) -> None:
    """Check that a reduction can be fitted on descriptors of this kind.

    Raises:
        ConfigError: Unknown recipe, more features than the descriptor has, or options that do not fit the recipe.
    """
    recipe = settled_recipe(identity, reduction.recipe)
    linear = reduction.whitening or reduction.projection
    if recipe in identity.regional and (reduction.features or not linear):
        raise ConfigError(f"{recipe} has a vector for each region: give --whitening or --projection, and no --features")
    dimension = identity.dimensions[recipe]
    if max(reduction.features, default=0) > dimension:
        raise ConfigError(f"--features {max(reduction.features)}: {recipe} has only {dimension} features")
