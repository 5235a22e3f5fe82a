"""Agreement of the device with the CPU: every recipe, batch size and arithmetic, and nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from benchmarks.common import Vector, photograph, read_images
from benchmarks.device.describers import TF32, load, load_weights, recipes
from benchmarks.device.pictures import make
from benchmarks.device.reference import Reference, Result
from benchmarks.device.section import Checks
from benchmarks.device.settings import LITE, Settings
from benchmarks.precision import compare
from osrmac.descriptor.describer import Description

_ARITHMETICS = ("fp32", "bf16", "fp16", TF32)
_ODD_SIZES = ((1, 2000), (2000, 7), (33, 33), (91, 60), (1999, 1200), (1200, 1999))
_TINY_ODD_SIZES = ((1, 200), (200, 7), (33, 33), (91, 60))
_PHOTOGRAPHS, _PLACES, _VIEWS = 200, 40, 5


@dataclass(frozen=True)
class _Task:
    """Images described in one call, and the results of the CPU.

    Attributes:
        name: Name of the group.
        images: Files of the images.
        expected: Results of the CPU, which may still be in work.
    """

    name: str
    images: Sequence[bytes]
    expected: Sequence[Future[Result]]


def checks(settings: Settings) -> Checks:
    """Submit all work to the CPU first, and compare the device with it meanwhile."""
    cpu = Reference(settings)
    sizes = settings.pick((1, 7, 32), (1, 3, 4))
    equal = make(sizes[-1] * [settings.photograph], settings.threads)
    odd = make(settings.pick(_ODD_SIZES, _TINY_ODD_SIZES), settings.threads, first_seed=100)
    photographs = _photographs(settings)
    tasks, neighbours = {}, {}
    for backbone in (settings.resnet, LITE):
        names = recipes(settings, backbone)
        equal_expected, odd_expected = (cpu.submit(images, backbone, names) for images in (equal, odd))
        tasks[backbone] = [_Task(f"{size} images", equal[:size], equal_expected[:size]) for size in sizes]
        tasks[backbone].append(_Task("odd shapes", odd, odd_expected))
        neighbours[backbone] = _Task("photographs", photographs, cpu.submit(photographs, backbone, ("osrmac",)))
    for backbone, groups in tasks.items():
        yield f"{backbone}: weights", partial(_source, settings, backbone)
        for arithmetic in _ARITHMETICS:
            yield f"{backbone}: {arithmetic}", partial(_recipes, settings, backbone, arithmetic, groups)
    for backbone, task in neighbours.items():
        for arithmetic in _ARITHMETICS:
            check = partial(_neighbours, settings, backbone, arithmetic, task)
            yield f"{backbone}: {arithmetic}: ten nearest of {len(photographs)} photographs", check
    cpu.close()


def _source(settings: Settings, backbone: str) -> str:
    return load_weights(backbone, settings.weights).source


def _photographs(settings: Settings) -> list[bytes]:
    """The photographs of the folder, or else views of synthetic ones: their centres, at several sizes."""
    if settings.images:
        return list(read_images(settings.images, settings.pick(_PHOTOGRAPHS, 10)).values())
    width, height = settings.photograph
    views = [(width - width * view // 16, height - height * view // 32) for view in range(_VIEWS)]
    return [photograph(place, *size) for place in range(settings.pick(_PLACES, 4)) for size in views]


def _recipes(settings: Settings, backbone: str, arithmetic: str, tasks: Sequence[_Task]) -> dict[str, object]:
    """Compare all recipes in each group, described in one call."""
    names = recipes(settings, backbone)
    describer = load(settings, backbone, arithmetic, recipes=names)
    results = {task.name: describer(task.images) for task in tasks}
    expected = {task.name: [future.result() for future in task.expected] for task in tasks}
    pairs = {
        name: [pair for pair in zip(results[name], expected[name], strict=True) if _described(pair)] for name in results
    }
    every = list(chain.from_iterable(pairs.values()))
    return {
        "largest difference": {name: _difference(every, name) for name in names},
        "lowest cosine": {name: _cosine(every, name) for name in names},
        "largest difference by group": {
            group: max((_difference(found, name) for name in names), default=0.0) for group, found in pairs.items()
        },
        "lowest cosine by group": {
            group: min((_cosine(found, name) for name in names), default=1.0) for group, found in pairs.items()
        },
        "failed": _failures(results, expected),
    }


_Pairs = Sequence[tuple[Result, Result]]


def _described(pair: tuple[Result, Result]) -> bool:
    return all(isinstance(result, Description) for result in pair)


def _vectors(pairs: _Pairs, recipe: str) -> list[tuple[Vector, Vector]]:
    return [
        (one.vectors[recipe].ravel(), other.vectors[recipe].ravel())
        for one, other in pairs
        if isinstance(one, Description) and isinstance(other, Description)
    ]


def _difference(pairs: _Pairs, recipe: str) -> float:
    largest = max((float(np.abs(one - other).max()) for one, other in _vectors(pairs, recipe)), default=0.0)
    return float(f"{largest:.3g}")


def _cosine(pairs: _Pairs, recipe: str) -> float:
    """Lowest cosine; that of a vector of zeros is 1 to another one, and 0 to others."""
    cosines = []
    for one, other in _vectors(pairs, recipe):
        norms = float(np.linalg.norm(one) * np.linalg.norm(other))
        cosines.append(float(one @ other) / norms if norms else float(np.array_equal(one, other)))
    return round(min(cosines, default=1.0), 7)


def _failures(results: Mapping[str, list[Result]], expected: Mapping[str, list[Result]]) -> list[str]:
    """Images without descriptors on either device."""
    return [
        f"{name}, number {number}: {_outcome(one)} on the device, {_outcome(other)} on the CPU"
        for name in results
        for number, (one, other) in enumerate(zip(results[name], expected[name], strict=True))
        if not _described((one, other))
    ]


def _outcome(result: Result) -> str:
    return "described" if isinstance(result, Description) else f"{result.stage}: {result.reason}"


def _neighbours(settings: Settings, backbone: str, arithmetic: str, task: _Task) -> dict[str, float]:
    results = load(settings, backbone, arithmetic)(task.images)
    expected = [future.result() for future in task.expected]
    found = _vectors(list(zip(expected, results, strict=True)), "osrmac")
    reference, vectors = (np.stack(side) for side in zip(*found, strict=True))
    return {
        "described by both": len(found),
        "largest difference": float(f"{np.abs(reference - vectors).max():.3g}"),
        **compare(reference, vectors),
    }
