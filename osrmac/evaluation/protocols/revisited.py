"""Revisited Oxford and Paris (Radenovic et al. 2018): positives that are easy or hard to find."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query, by_stem
from osrmac.evaluation.safe_pickle import unpickle
from osrmac.types import Box

__all__ = ["MEASURES", "SIZES", "load"]

SIZES = {"roxford5k": 4993, "rparis6k": 6322}
"""Images of each collection, without the 70 query images."""

MEASURES = ("mAP", "mP@1", "mP@5", "mP@10")

_POSITIVE = {"easy": ("easy",), "medium": ("easy", "hard"), "hard": ("hard",)}
"""The kinds of judged images that each mode asks for; the others are junk to it."""

_KINDS = ("easy", "hard", "junk")


@dataclass(frozen=True)
class _Judged:
    """A query and, for each kind, the images judged to be of it."""

    name: str
    box: Box
    kinds: Mapping[str, frozenset[str]]

    def asked_for(self, mode: str, outside: frozenset[str]) -> Query:
        positives = frozenset[str]().union(*(self.kinds[kind] for kind in _POSITIVE[mode]))
        junk = outside.union(*self.kinds.values()) - positives
        return Query(self.name, self.name, positives, junk, self.box)


def load(name: str, ground_truth: Mapping[str, bytes]) -> Benchmark:
    """Mean average precision, and precision among the first, in three degrees of difficulty.

    Queries are cropped to their box. Query images are no part of the collection and taken out of every ranking. A
    query without positives in a mode is not asked there.

    Args:
        name: `roxford5k` or `rparis6k`.
        ground_truth: The published pickle, or JSON of the same structure, under any file name: `imlist` (names of
            the collection), `qimlist` (names of the queries), and for each query in `gnd` its `bbx` (left, top,
            right, bottom in pixels) and the positions in `imlist` that are `easy`, `hard` and `junk`.

    Returns:
        A benchmark with the query modes `easy`, `medium` and `hard`, as far as they have queries.

    Raises:
        BenchmarkError: Several files, neither pickle nor JSON, a part missing or malformed, or no query with positives.
    """
    if len(ground_truth) > 1:
        raise BenchmarkError(f"{name} needs one file as its ground truth, gnd_{name}.pkl, not {len(ground_truth)}")
    ((file, content),) = ground_truth.items()
    truth = _read(file, content)
    images, askers = _names(file, truth, "imlist"), _names(file, truth, "qimlist")
    repeated = [image for image, times in Counter(images + askers).items() if times > 1]
    if repeated:
        raise BenchmarkError(f"{file} names {repeated[0]!r} twice")
    judged = _judged(file, truth, askers, images)
    modes = {mode: tuple(query.asked_for(mode, frozenset(askers)) for query in judged) for mode in _POSITIVE}
    asked = {mode: tuple(query for query in queries if query.positives) for mode, queries in modes.items()}
    if not any(asked.values()):
        raise BenchmarkError(f"{file} has no query with a positive image")
    return Benchmark(
        name,
        {mode: queries for mode, queries in asked.items() if queries},
        MEASURES,
        SIZES[name],
        outside=frozenset(askers),
    )


def _read(file: str, content: bytes) -> Any:
    """The data in JSON, which begins with a brace as no pickle does, or in a pickle."""
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


def _judged(file: str, truth: Any, askers: Sequence[str], images: Sequence[str]) -> list[_Judged]:
    records = _list(file, truth, "gnd")
    if len(records) != len(askers):
        raise BenchmarkError(f"{file} names {len(askers)} queries, but judges {len(records)}")
    judged = []
    for asker, record in zip(askers, records, strict=True):
        where = f"{file}, query {asker!r}"
        kinds = {kind: _images(where, record, kind, images) for kind in _KINDS}
        judged.append(_Judged(asker, _box(where, record), kinds))
    return judged


def _images(where: str, record: Any, kind: str, images: Sequence[str]) -> frozenset[str]:
    """The names of the images at the positions that are of a kind."""
    positions = _list(where, record, kind)
    wrong = [position for position in positions if not isinstance(position, int) or not 0 <= position < len(images)]
    if wrong:
        raise BenchmarkError(f"{where}: {kind!r} lists {wrong[0]!r}, which is no position among {len(images)} images")
    return frozenset(images[position] for position in positions)


def _box(where: str, record: Any) -> Box:
    try:
        left, top, right, bottom = map(float, _list(where, record, "bbx"))
    except (TypeError, ValueError) as error:
        raise BenchmarkError(f"{where}: 'bbx' must hold four numbers") from error
    return left, top, right, bottom
