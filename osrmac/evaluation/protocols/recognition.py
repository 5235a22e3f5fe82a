"""Recognition of ground truth that belongs to another benchmark than the one it is given for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from osrmac.errors import BenchmarkError
from osrmac.evaluation.protocols import gldv2, ilias, revisited

__all__ = ["NEEDED", "check_kind"]

NEEDED = {
    "holidays": "a list of its image names, or no ground truth",
    "ukbench": "no ground truth",
    "gpr1200": "a list of its image names, or no ground truth",
    "oxford5k": "the folder of VGG's text files",
    "paris6k": "the folder of VGG's text files",
    "roxford5k": "gnd_roxford5k.pkl",
    "rparis6k": "gnd_rparis6k.pkl",
    "instre": "gnd_instre.mat",
    "gldv2": "retrieval_solution_v2.1.csv",
    "ilias": "the folder image_ids",
    "groups": "a CSV with the columns id and group",
}
"""Ground truth that each benchmark needs, in words."""

_PARIS = re.compile(r"paris_[a-z]+_\d{6}")
_OXFORD = re.compile(
    r"(all_souls|ashmolean|balliol|bodleian|christ_church|cornmarket|hertford|jesus|keble|magdalen|new|oriel|oxford"
    r"|pitt_rivers|radcliffe_camera|trinity|worcester)_\d{6}"
)
"""Names of the images of Paris6k, and of Oxford5k."""

_QUERY = "_query.txt"


class _Kind(NamedTuple):
    """Recognised ground truth: the file that shows it, what it is, and the benchmarks that it is for."""

    file: str
    words: str
    benchmarks: frozenset[str]


def check_kind(name: str, ground_truth: Mapping[str, bytes]) -> None:
    """Check that ground truth is not recognisably that of another benchmark, or in a form that is not read.

    Args:
        name: Name of the benchmark.
        ground_truth: Content of each file by file name.

    Raises:
        BenchmarkError: It is; the message says what was given, and what the benchmark needs.
    """
    kind = _recognised(ground_truth)
    if kind is not None and name not in kind.benchmarks:
        raise BenchmarkError(f"{kind.file} is {kind.words}: {name} needs {NEEDED[name]}")


def _recognised(ground_truth: Mapping[str, bytes]) -> _Kind | None:
    """Return the kind of ground truth; None if it has no known form, or its form fits several benchmarks."""
    for file in (ilias.QUERIES, ilias.POSITIVES):
        if file in ground_truth:
            return _Kind(file, "a list of ilias", frozenset({"ilias"}))
    for file, content in ground_truth.items():
        if file.endswith(_QUERY):
            return _of_vgg(file, content)
        if content.startswith(b"MATLAB"):
            return _Kind(file, "a MATLAB file, as instre has", frozenset({"instre"}))
        if file.endswith(".pkl") or content.startswith((b"\x80", b"{", b"\xef\xbb\xbf{")):
            return _of_lists(file, content)
        if len(ground_truth) == 1:
            return _of_csv(file, content)
    return None


def _of_vgg(file: str, content: bytes) -> _Kind:
    image, *_ = [*content.decode("utf-8", "replace").split(), ""]
    return _Kind(file, *_of_place("a query of", [image.removeprefix("oxc1_")], "oxford5k", "paris6k"))


def _of_place(words: str, images: Sequence[str], oxford: str, paris: str) -> tuple[str, frozenset[str]]:
    """Return the words with the benchmark that the names of its images show, or with both."""
    if all(map(_PARIS.fullmatch, images)):
        return f"{words} {paris}", frozenset({paris})
    if all(map(_OXFORD.fullmatch, images)):
        return f"{words} {oxford}", frozenset({oxford})
    return f"{words} {oxford} or {paris}", frozenset({oxford, paris})


def _of_lists(file: str, content: bytes) -> _Kind | None:
    """Return the kind of a pickle, or of JSON, with lists of images and judgements."""
    try:
        truth = revisited.parse(file, content)
        images, record = list(map(str, truth["qimlist"])), truth["gnd"][0]
    except (BenchmarkError, KeyError, IndexError, TypeError):
        return None
    if not isinstance(record, dict):
        return None
    return _of_judgements(file, images, record)


def _of_judgements(file: str, images: Sequence[str], record: Mapping[str, Any]) -> _Kind | None:
    if {"easy", "hard"} & record.keys():
        return _Kind(file, *_of_place("the ground truth of", images, "roxford5k", "rparis6k"))
    if "ok" in record:
        words, _ = _of_place("the ground truth of the unrevisited", images, "oxford5k", "paris6k")
        return _Kind(file, f"{words}, as lists, which osrmac does not read", frozenset())
    return None


def _of_csv(file: str, content: bytes) -> _Kind | None:
    lines = content.splitlines() or [b""]
    columns = {name.strip(' "') for name in lines[0].decode("utf-8-sig", "replace").split(",")}
    if set(gldv2.COLUMNS) <= columns:
        return _Kind(file, "the ground truth of gldv2", frozenset({"gldv2"}))
    if {"id", "group"} <= columns:
        return _Kind(file, "a CSV of groups", frozenset({"groups"}))
    return None
