"""The benchmarks by name, from the files of their ground truth."""

from collections.abc import Iterable, Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark
from osrmac.evaluation.protocols import groups, holidays, oxford_paris, revisited, ukbench

__all__ = ["BENCHMARKS", "NEEDS_GROUND_TRUTH", "load"]

BENCHMARKS = ("holidays", "ukbench", "oxford5k", "paris6k", "roxford5k", "rparis6k", "groups")

NEEDS_GROUND_TRUTH = ("oxford5k", "paris6k", "roxford5k", "rparis6k", "groups")
"""The others know their groups from the names of the images."""


def load(name: str, ground_truth: Mapping[str, bytes], *, collection: Iterable[str], subset: bool) -> Benchmark:
    """A benchmark from its ground truth.

    Args:
        name: One of `BENCHMARKS`.
        ground_truth: Content of each ground-truth file by its name; empty where none is needed.
        collection: Ids of the images to be ranked.
        subset: Whether a part of the collection will do.

    Raises:
        BenchmarkError: Unknown benchmark, or missing, empty or malformed ground truth.
    """
    if name not in BENCHMARKS:
        raise BenchmarkError(f"unknown benchmark '{name}': choose from {', '.join(BENCHMARKS)}")
    if name in NEEDS_GROUND_TRUTH and not ground_truth:
        raise BenchmarkError(f"{name} needs its ground truth: give it with --ground-truth")
    if name == "ukbench":
        return ukbench.load()
    if name in revisited.SIZES:
        return revisited.load(name, ground_truth)
    texts = {file: _text(file, content) for file, content in ground_truth.items()}
    if name == "holidays":
        return holidays.load(texts, collection, subset=subset)
    if name == "groups":
        return groups.load(texts)
    return oxford_paris.load(name, texts)


def _text(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{file} is no UTF-8 text") from error
