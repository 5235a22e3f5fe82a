"""The report of a run: one page that says what the run holds and how good it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from osrmac.pages.components import Part, Tile, page
from osrmac.pages.contact_sheet import Picture
from osrmac.pages.sections.collection import Failed, collection, in_bytes
from osrmac.pages.sections.curves import drawn, precision_recall, sweeps
from osrmac.pages.sections.features import features
from osrmac.pages.sections.queries import Answered, Extremes, queries
from osrmac.pages.sections.scores import best_of, scores, value_of
from osrmac.pages.sections.times import duration, rate, times
from osrmac.pages.thumbnails import thumbnails
from osrmac.reduction.base import Selection
from osrmac.runs.evaluations import load_evaluations, load_sweeps
from osrmac.runs.failures import DEADLY, Failures, summary
from osrmac.runs.image_stats import Sizes, planned_bytes, sizes
from osrmac.runs.query_results import StoredQueryResults
from osrmac.runs.reductions import load_reductions
from osrmac.runs.shard_reader import find_rows
from osrmac.storage import shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.run import Run
from osrmac.types import Box, QueryResult

__all__ = ["report"]

_SIDE = 240
"""Longest side of a thumbnail in pixels."""

_QUERIES = 5
"""Best and worst queries shown, each with ten images: divided among the benchmarks, so that the page stays small."""

_KINDS = 8
"""Kinds of failures of which examples are shown."""

_Scores = Mapping[str, Mapping[str, Any]]


def report(run: str) -> str:
    """Write RUN/report.html anew, from what is there; what is not there is left out of it.

    Memory and the size of the page do not grow with the collection.

    Args:
        run: A run with a record.

    Returns:
        URL of the page.

    Raises:
        StorageError: No run.
    """
    place = Run(run)
    record = place.record()
    described, failures = summary(place)
    scored = {name: found.to_json() for name, found in load_evaluations(place).items() if found.scores}
    measured, selections = sizes(place), load_reductions(place)
    file_bytes = planned_bytes(place)
    failed = sum(kind.count for kind in failures)
    chosen = [selection for selection in selections if isinstance(selection, Selection)]
    identity = place.identity()
    parts = [
        _collection(place, measured, file_bytes, failures),
        scores(list(scored.values())),
        sweeps(load_sweeps(place)),
        precision_recall(_curves(place, scored)),
        queries(list(_extremes(place, scored))),
        features(chosen, identity.parts, identity.values.get("taps", ())),
        times(record["stages"]),
    ]
    tiles = [
        Tile(f"{described + failed:,}", "images", "" if file_bytes is None else in_bytes(file_bytes)),
        Tile(f"{failed:,}", "could not be described", alarm=failed > 0),
        *_scored(scored),
        *_sized(chosen),
        *_speed(record["stages"]),
    ]
    name = "/".join(record["images"].rstrip("/").split("/")[-2:])
    foot = _foot(place, record)
    text = page(name, record["images"], tiles, [part for part in parts if part and part.blocks], foot)
    place.report.write_bytes(text.encode())
    return place.report.url


def _collection(run: Run, measured: Sizes, file_bytes: int | None, failures: Sequence[Failures]) -> Part:
    found = find_rows((image for kind in failures[:_KINDS] for image in kind.first), shards.paths(run.descriptors))
    # What has ended the process that described it must not end this one.
    safe = [image for kind in failures[:_KINDS] if not kind.reason.startswith(DEADLY) for image in kind.first]
    shown = dict(zip(safe, thumbnails(run, [(found[i]["uri"], None) for i in safe], _SIDE, damaged=True), strict=True))
    kinds = [
        Failed(kind.count, kind.stage, kind.reason, [Picture(i, "", *shown.get(i, ("", ""))) for i in kind.first])
        for kind in failures
    ]
    return collection(measured, file_bytes, kinds)


def _curves(run: Run, scored: _Scores) -> dict[tuple[str, str], dict[str, list[float]]]:
    found = {}
    for name, evaluation in scored.items():
        answers = StoredQueryResults(run, name)
        if not answers.available:
            continue
        labels = {score["system"]: score["label"] for score in evaluation["scores"]}
        methods = {method: _told_apart(method, labels) for method in drawn(evaluation)}
        for mode in dict.fromkeys(score["mode"] for score in evaluation["scores"]):
            found[name, mode] = answers.precision(methods, mode)
    return found


def _told_apart(method: str, labels: Mapping[str, str]) -> str:
    """What a system is called; its name where several have the same label."""
    label = labels[method]
    return label if list(labels.values()).count(label) == 1 else method


def _extremes(run: Run, scored: _Scores) -> Iterator[Extremes]:
    with_answers = {name: StoredQueryResults(run, name) for name in list(scored)[:_QUERIES]}
    told = {name: answers for name, answers in with_answers.items() if answers.available}
    number = max(1, _QUERIES // max(1, len(told)))
    for name, answers in told.items():
        evaluation = scored[name]
        measure, best = evaluation["measures"][0], best_of(evaluation)
        ranked = [
            answer for answer in answers.ranked(best["system"], best["mode"], measure) if answer.image is not None
        ]
        if not ranked:
            continue
        high = ranked[: min(number, (len(ranked) + 1) // 2)]
        low = ranked[len(high) :][-number:][::-1]
        shown = list(_answered(run, [*high, *low], measure))
        title = f"{name}, {best['label']}, queries: {best['mode']}"
        yield Extremes(title, measure, shown[: len(high)], shown[len(high) :])


def _answered(run: Run, answers: Sequence[QueryResult], measure: str) -> Iterator[Answered]:
    asked: list[tuple[str, Box | None]] = [(answer.image or "", answer.box) for answer in answers]
    found: list[tuple[str, Box | None]] = [(each.id, None) for answer in answers for each in answer.matches]
    shown = _shown(run, asked + found)
    for answer in answers:
        image = answer.image or ""
        pictures = [Picture(image, "query", *shown(image, answer.box), mark="query")]
        pictures += [
            Picture(each.id, str(each.rank), *shown(each.id), mark=each.verdict or "") for each in answer.matches
        ]
        yield Answered(answer.query, answer.values[measure], answer.positives, pictures)


def _shown(run: Run, wanted: Iterable[tuple[str, Box | None]]) -> Callable[..., tuple[str, str]]:
    """Gives the thumbnail of, and the link to, one of these images and boxes; nothing where the run lacks it."""
    distinct = list(dict.fromkeys(wanted))
    known = find_rows((image for image, _ in distinct), shards.paths(run.descriptors))
    there = [(image, box) for image, box in distinct if image in known]
    made = thumbnails(run, [(known[image]["uri"], box) for image, box in there], _SIDE)
    found = dict(zip(there, made, strict=True))
    return lambda image, box=None: found.get((image, box), ("", ""))


def _scored(scored: _Scores) -> Iterator[Tile]:
    for name, evaluation in list(scored.items())[:2]:
        best = best_of(evaluation)
        measure = evaluation["measures"][0]
        yield Tile(f"{value_of(best, evaluation):.2f}", f"{measure}, {name}", f"{best['label']}, {best['mode']}")


def _sized(chosen: Sequence[Selection]) -> Iterator[Tile]:
    kept = [selection for selection in chosen if selection.method == "pfa"]
    if kept:
        longest = max(kept, key=lambda selection: selection.dimension)
        yield Tile(f"{longest.dimension:,}", "numbers an image", f"PFA has kept, of {longest.features_in:,}")


def _speed(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[Tile]:
    stage = stages.get("extract", {})
    if said := rate(stage) if stage else "":
        number, plan = said.split(" ", 1)
        yield Tile(number, plan, f"{stage['images']:,} images in {duration(stage['seconds'])}")


def _foot(run: Run, record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "images": record["images"],
        "run": to_unicode(run.url),
        "backbone": record["descriptor"]["backbone"],
        "weights": record["weights"],
        "scales": ", ".join(map(str, record["descriptor"]["scales"])),
        "recipes": ", ".join(f"{name} {length:,}" for name, length in record["dimensions"].items()),
        "fingerprint": record["fingerprint"],
        "versions": ", ".join(
            f"{name} {it}" for name, it in {"osrmac": record["osrmac"], **record["versions"]}.items()
        ),
    }
