"""Parser of ranking files, as other systems write them."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from osrmac.errors import BenchmarkError

__all__ = ["parse"]


def parse(files: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the image names of each ranking, best first, by query name.

    Two formats are read. VGG's has one file per query, `<query>.txt` or `<query>_top.txt`, with one image per line.
    INRIA's has one file with one query per line: the name of the query image, then pairs of rank and image.

    Args:
        files: Text of each file by file name. Names that are not queries are returned, too.

    Raises:
        BenchmarkError: A line of INRIA's format is malformed.
    """
    if len(files) == 1:
        ((name, text),) = files.items()
        lines = {number: line.split() for number, line in enumerate(text.splitlines(), start=1) if line.strip()}
        if lines and all(len(fields) > 1 for fields in lines.values()):
            return dict(_inria(name, number, fields) for number, fields in lines.items())
    return {PurePosixPath(name).stem.removesuffix("_top"): _lines(text) for name, text in files.items()}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _inria(file: str, number: int, fields: list[str]) -> tuple[str, list[str]]:
    query, ranks, images = fields[0], fields[1::2], fields[2::2]
    if len(ranks) != len(images) or not all(rank.isdecimal() for rank in ranks):
        raise BenchmarkError(f"{file}, line {number}: expected a query image, then pairs of rank and image")
    ordered = sorted(zip(map(int, ranks), images, strict=True))
    return PurePosixPath(query).stem, [image for _, image in ordered]
