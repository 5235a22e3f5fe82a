"""Benchmarks by name: their query modes, and loaders of their ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark
from osrmac.evaluation.protocols import (
    gldv2,
    gpr1200,
    groups,
    holidays,
    ilias,
    instre,
    oxford_paris,
    revisited,
    ukbench,
)
from osrmac.evaluation.protocols.recognition import check_kind

__all__ = ["BENCHMARKS", "NEEDS_GROUND_TRUTH", "check", "load", "query_modes"]

_MODES = {
    "holidays": holidays.MODES,
    "ukbench": ukbench.MODES,
    **dict.fromkeys(oxford_paris.SIZES, oxford_paris.MODES),
    **dict.fromkeys(revisited.SIZES, revisited.MODES),
    "gpr1200": gpr1200.MODES,
    "instre": instre.MODES,
    "gldv2": gldv2.MODES,
    "ilias": ilias.MODES,
    "groups": groups.MODES,
}

BENCHMARKS = tuple(_MODES)
"""Names of the benchmarks."""

NEEDS_GROUND_TRUTH = (*oxford_paris.SIZES, *revisited.SIZES, "instre", "gldv2", "ilias", "groups")
"""Benchmarks that need ground-truth files; the others derive their groups from the image names."""

_FROM_NAMES = {"holidays": holidays.load, "gpr1200": gpr1200.load}
"""Loaders that derive the groups from the names of the images."""

_FROM_TEXTS = {"gldv2": gldv2.load, "groups": groups.load, "ilias": ilias.load}
"""Loaders of ground truth that is text."""


def query_modes(name: str) -> tuple[str, ...]:
    """Return the query modes of a benchmark.

    `groups` has one of its two modes, depending on the columns of the CSV; `roxford5k`, `rparis6k` and `gldv2` lack a
    mode for which the ground truth has no query, and `ilias` lacks `cropped` without boxes.

    Raises:
        BenchmarkError: Unknown benchmark.

    >>> query_modes("oxford5k")
    ('cropped', 'whole')
    """
    if name not in _MODES:
        raise BenchmarkError(f"unknown benchmark '{name}': choose from {', '.join(BENCHMARKS)}")
    return _MODES[name]


def check(name: str, *, ground_truth: bool, modes: Sequence[str] = ()) -> None:
    """Check a choice of benchmark and query modes without reading any file.

    Args:
        name: Name of the benchmark.
        ground_truth: Whether ground truth was given.
        modes: Chosen query modes; empty for all of them.

    Raises:
        BenchmarkError: Unknown benchmark, missing ground truth, or unknown query mode.
    """
    known = query_modes(name)
    if name in NEEDS_GROUND_TRUTH and not ground_truth:
        raise BenchmarkError(f"{name} needs its ground truth: give it with --ground-truth")
    for mode in modes:
        if mode not in known:
            raise BenchmarkError(f"{name} has no query mode '{mode}': choose from {', '.join(known)}")


def load(name: str, ground_truth: Mapping[str, bytes], *, collection: Iterable[str], subset: bool) -> Benchmark:
    """Load a benchmark from its ground truth.

    Args:
        name: One of `BENCHMARKS`.
        ground_truth: Content of each ground-truth file by file name; empty where none is needed.
        collection: Ids of the images to be ranked.
        subset: Whether the collection may lack images of the benchmark.

    Raises:
        BenchmarkError: Unknown benchmark, or ground truth that is missing, malformed, or that of another benchmark.
    """
    check(name, ground_truth=bool(ground_truth))
    check_kind(name, ground_truth)
    if name == "ukbench":
        return ukbench.load()
    if name in revisited.SIZES:
        return revisited.load(name, ground_truth)
    if name == "instre":
        return instre.load(ground_truth)
    texts = {file: _text(file, content) for file, content in ground_truth.items()}
    if name in _FROM_NAMES:
        return _FROM_NAMES[name](texts, collection, subset=subset)
    if name in _FROM_TEXTS:
        return _FROM_TEXTS[name](texts)
    return oxford_paris.load(name, texts)


def _text(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{file} is not UTF-8 text") from error
