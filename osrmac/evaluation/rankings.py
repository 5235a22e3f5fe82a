"""Parser of ranking files, as other systems write them."""

import json
import math
from collections.abc import Mapping
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from osrmac.errors import BenchmarkError
from osrmac.types import Rank

__all__ = ["parse", "parse_ranks"]


def parse_ranks(files: Mapping[str, str]) -> dict[str, list[tuple[str, Rank]]]:
    """Return the image names of each ranking with their ranks, best first, by query name.

    One file of JSON, `{query: {image: score}}` with larger scores for better images, is read as ILIAS's evaluation
    reads it (Kordopatis-Zilos et al. 2025); images of equal score are tied. All other files are rankings without ties:
    see `parse`.

    Args:
        files: Text of each file by file name.

    Raises:
        BenchmarkError: Malformed JSON, a score that is not a finite number, or a malformed line.
    """
    if len(files) == 1:
        ((name, text),) = files.items()
        if text.lstrip().startswith("{"):
            return {query: _by_score(f"{name}, query {query!r}", scores) for query, scores in _json(name, text).items()}
    return {
        query: [(image, Rank.untied(position)) for position, image in enumerate(images)]
        for query, images in parse(files).items()
    }


def _json(file: str, text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{file} is not valid JSON: {error}") from error
    return found


def _by_score(where: str, scores: Any) -> list[tuple[str, Rank]]:
    """Return images and ranks from scores, of which the largest comes first; images of equal score are tied."""
    if not isinstance(scores, dict):
        raise BenchmarkError(f"{where}: expected an object with the score of each image")
    for image, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
            raise BenchmarkError(f"{where}: the score of {image!r} is {score!r}, not a finite number")
    ordered = sorted(scores, key=lambda image: (-scores[image], image))
    ranked: list[tuple[str, Rank]] = []
    for _, group in groupby(ordered, scores.get):
        tied, nearer = list(group), len(ranked)
        ranked += [(image, Rank(nearer + place, nearer, len(tied))) for place, image in enumerate(tied)]
    return ranked


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
