"""Rankings that any system made, read from text."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from osrmac.errors import BenchmarkError

__all__ = ["parse"]


def parse(files: Mapping[str, str]) -> dict[str, list[str]]:
    """Rankings by query name.

    Args:
        files: Either a file a query, `<query>.txt` or `<query>_top.txt`, an image a line, best
            first; or one file in INRIA's format, a query a line: the query's image, then pairs of
            rank and image. By file name. Files that rank nothing known are the caller's to ignore.

    Returns:
        For each query the image names as written there, best first.

    Raises:
        BenchmarkError: A line of INRIA's format is malformed.
    """
    if len(files) == 1:
        ((name, text),) = files.items()
        lines = {number: line.split() for number, line in enumerate(text.splitlines(), start=1) if line.strip()}
        if lines and all(len(line) > 1 for line in lines.values()):
            return dict(_inria(name, number, line) for number, line in lines.items())
    return {PurePosixPath(name).stem.removesuffix("_top"): _lines(text) for name, text in files.items()}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _inria(file: str, number: int, line: list[str]) -> tuple[str, list[str]]:
    query, ranks, images = line[0], line[1::2], line[2::2]
    if len(ranks) != len(images) or not all(rank.isdecimal() for rank in ranks):
        raise BenchmarkError(f"{file}, line {number}: expected a query image, then pairs of rank and image")
    ordered = sorted(zip(map(int, ranks), images, strict=True))
    return PurePosixPath(query).stem, [image for _, image in ordered]
