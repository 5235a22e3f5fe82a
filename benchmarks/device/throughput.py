"""Images per second from JPEG bytes to descriptors, by arithmetic, batch size and shapes, and where the time goes.

The network's floating-point operations are also compared with a matrix product in bf16 on the same device.
"""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from statistics import fmean
from typing import Any

import torch
from PIL import Image

from benchmarks.device.clock import matrix_product
from benchmarks.device.describers import TF32, load, load_weights
from benchmarks.device.pictures import equal, make, mixed_sizes
from benchmarks.device.section import Checks
from benchmarks.device.settings import LITE, Settings
from benchmarks.device.steady import measure
from osrmac.descriptor.models import backbones
from osrmac.descriptor.resize import scaled_size

_BATCH_SIZES = (8, 16, 64, 1)
"""Besides the default."""

_MIXED = 60
_WINDOW, _MIXED_WINDOW = 64, 256
"""Images that may be finished together: two batches of equal shape, or those among which batches are formed."""


Rates = dict[str, float]


@dataclass(frozen=True)
class _Case:
    """What is measured."""

    backbone: str
    arithmetic: str = "bf16"
    compiled: bool = False
    mixed: bool = False
    max_batch_size: int | None = None

    @property
    def name(self) -> str:
        size = f"batches of {self.max_batch_size}" if self.max_batch_size else None
        words = ["compiled" if self.compiled else None, "mixed shapes" if self.mixed else None, size]
        return ", ".join(filter(None, (f"{self.backbone} {self.arithmetic}", *words)))


def checks(settings: Settings) -> Checks:
    images = equal(settings)
    longest = max(settings.photograph)
    mixed = make(mixed_sizes(settings.pick(_MIXED, 6), longest), settings.threads, first_seed=100)
    measured: dict[_Case, Rates] = {}
    for case in _cases(settings):
        yield case.name, partial(_measure, settings, case, mixed if case.mixed else images, measured)
    yield "mixed shapes relative to equal ones", partial(_relative, measured)


def _cases(settings: Settings) -> list[_Case]:
    """The cases in their order: those that compile come last, because they may take long."""
    resnet = settings.resnet
    eager = [
        _Case(resnet),
        _Case(resnet, mixed=True),
        _Case(LITE),
        *(_Case(resnet, arithmetic) for arithmetic in ("fp16", TF32, "fp32")),
        *(_Case(resnet, max_batch_size=size) for size in _BATCH_SIZES),
    ]
    compiled = [_Case(resnet), _Case(LITE), _Case(resnet, mixed=True), *eager[-len(_BATCH_SIZES) :]]
    return eager + [replace(case, compiled=True) for case in settings.pick(compiled, compiled[:1])]


def _measure(
    settings: Settings, case: _Case, images: Sequence[bytes], measured: dict[_Case, Rates]
) -> dict[str, object]:
    """Measure a case, and keep its rates for comparison."""
    size: dict[str, Any] = {} if case.max_batch_size is None else {"max_batch_size": case.max_batch_size}
    started = time.perf_counter()
    describer = load(settings, case.backbone, case.arithmetic, compiled=case.compiled, **size)
    building = time.perf_counter() - started
    window = _MIXED_WINDOW if case.mixed else _WINDOW
    is_profiled = case.max_batch_size is None and case.arithmetic == "bf16"
    done = measure(settings, describer, images, window=window, profiled=is_profiled)
    del describer
    free(settings)
    achieved = fmean(_flops(settings, case.backbone, _size(image)) for image in images) * done.rate / 1e12
    measured[case] = {"images per second": done.rate, "TFLOP per second": achieved}
    return {
        **done.to_json(),
        "seconds to build": round(building, 2),
        "TFLOP per second": round(achieved, 3),
        "share of the matrix product in bf16": round(achieved / _product(settings.device), 3),
    }


def _relative(measured: Mapping[_Case, Rates]) -> dict[str, Rates]:
    """Mixed shapes have fewer pixels than those of 4:3, so the operations per second say more than the images."""
    pairs = {case: replace(case, mixed=False) for case in measured if case.mixed}
    return {
        mixed.name: {unit: round(rate / measured[equal_shapes][unit], 3) for unit, rate in measured[mixed].items()}
        for mixed, equal_shapes in pairs.items()
        if equal_shapes in measured
    }


def free(settings: Settings) -> None:
    """Return the memory of describers that are no longer used to the device."""
    gc.collect()
    if settings.on_gpu:
        torch.cuda.empty_cache()


@cache
def _product(device: str) -> float:
    return matrix_product(device, torch.bfloat16)


def _size(image: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(image)) as opened:
        return opened.size


def _flops(settings: Settings, backbone: str, size: tuple[int, int]) -> float:
    """Floating-point operations of the network for one image, at all image sizes."""
    sizes = (scaled_size(*size, side) for side in settings.image_sizes)
    return _flops_per_pixel(backbone, settings.weights) * sum(width * height for width, height in sizes)


@cache
def _flops_per_pixel(backbone: str, weights: str) -> float:
    return backbones.build(backbone, (), load_weights(backbone, weights).state).flops_per_pixel
