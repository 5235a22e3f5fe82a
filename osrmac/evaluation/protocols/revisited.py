"""Revisited Oxford and Paris (Radenovic et al. 2018): images judged easy, hard or junk for each query."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query, by_stem
from osrmac.evaluation.safe_pickle import unpickle
from osrmac.types import Box

__all__ = ["MODES", "SIZES", "load", "parse"]

SIZES = {"roxford5k": 4993, "rparis6k": 6322}
"""Number of images of each collection, without its 70 query images."""

_POSITIVE = {"easy": ("easy",), "medium": ("easy", "hard"), "hard": ("hard",)}
"""Judgements that are positive in each mode; the others are junk."""

MODES = tuple(_POSITIVE)
"""Query modes: easy, medium and hard."""

_MEASURES = ("mAP", "mP@1", "mP@5", "mP@10")
_JUDGEMENTS = ("easy", "hard", "junk")


def load(name: str, ground_truth: Mapping[str, bytes]) -> Benchmark:
    """Return the benchmark: mAP and mean precision at 1, 5 and 10, in three degrees of difficulty.

    Queries are cropped to their box. The query images are not part of the collection and are removed from every
    ranking. A query without positives in a mode is left out of that mode, and a mode without queries is left out.

    Args:
        name: `roxford5k` or `rparis6k`.
        ground_truth: The published pickle, or JSON of the same structure, under any file name: `imlist` (image
            names), `qimlist` (query names), and in `gnd` for each query its `bbx` (left, top, right, bottom in
            pixels) and the positions in `imlist` that are `easy`, `hard` and `junk`.

    Raises:
        BenchmarkError: Several files, neither pickle nor JSON, a missing or malformed part, or no query with positives.
    """
    if len(ground_truth) > 1:
        raise BenchmarkError(f"{name} needs one file as its ground truth, gnd_{name}.pkl, not {len(ground_truth)}")
    ((file, content),) = ground_truth.items()
    truth = parse(file, content)
    images, query_names = _names(file, truth, "imlist"), _names(file, truth, "qimlist")
    repeated = [image for image, times in Counter(images + query_names).items() if times > 1]
    if repeated:
        raise BenchmarkError(f"{file} names {repeated[0]!r} twice")
    records = _list(file, truth, "gnd")
    if len(records) != len(query_names):
        raise BenchmarkError(f"{file} names {len(query_names)} queries, but judges {len(records)}")
    modes: dict[str, list[Query]] = {mode: [] for mode in MODES}
    for query_name, record in zip(query_names, records, strict=True):
        for mode, query in _queries(f"{file}, query {query_name!r}", query_name, record, images, query_names).items():
            modes[mode].append(query)
    if not any(modes.values()):
        raise BenchmarkError(f"{file} has no query with a positive image")
    used = {mode: tuple(queries) for mode, queries in modes.items() if queries}
    return Benchmark(name, used, _MEASURES, SIZES[name], outside=frozenset(query_names))


def _queries(where: str, name: str, record: Any, images: Sequence[str], query_names: Sequence[str]) -> dict[str, Query]:
    """The query in each mode in which it has positives."""
    judged = {kind: _images(where, record, kind, images) for kind in _JUDGEMENTS}
    box = _box(where, record)
    queries = {}
    for mode, kinds in _POSITIVE.items():
        if positives := frozenset[str]().union(*(judged[kind] for kind in kinds)):
            junk = frozenset(query_names).union(*judged.values()) - positives
            queries[mode] = Query(name, name, positives, junk, box)
    return queries


def parse(file: str, content: bytes) -> Any:
    """Parse JSON or a pickle of plain data; only JSON can begin with a brace.

    Args:
        file: Name of the file, for messages.
        content: Its content.

    Raises:
        BenchmarkError: It is neither.
    """
    text = content.removeprefix(codecs.BOM_UTF8).lstrip()
    try:
        return json.loads(text) if text.startswith(b"{") else unpickle(content)
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{file} is neither JSON nor a pickle of plain data: {error}") from error


def _list(where: str, record: Any, key: str) -> Sequence[Any]:
    values = record.get(key) if isinstance(record, dict) else None
    if not isinstance(values, list | tuple):
        raise BenchmarkError(f"{where} has no list {key!r}")
    return values


def _names(file: str, truth: Any, key: str) -> list[str]:
    names = _list(file, truth, key)
    if not all(isinstance(name, str) for name in names):
        raise BenchmarkError(f"{file}: {key!r} must list names")
    return [by_stem(name) for name in names]


def _images(where: str, record: Any, kind: str, images: Sequence[str]) -> frozenset[str]:
    """Names of the images judged to be of one kind."""
    positions = _list(where, record, kind)
    for position in positions:
        if not isinstance(position, int) or not 0 <= position < len(images):
            raise BenchmarkError(
                f"{where}: {kind!r} lists {position!r}, which is not a position among {len(images)} images"
            )
    return frozenset(images[position] for position in positions)


def _box(where: str, record: Any) -> Box:
    try:
        left, top, right, bottom = map(float, _list(where, record, "bbx"))
    except (TypeError, ValueError) as error:
        raise BenchmarkError(f"{where}: 'bbx' must hold four numbers") from error
    return left, top, right, bottom
