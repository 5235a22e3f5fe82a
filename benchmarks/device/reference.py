"""Descriptors by the CPU in fp32, computed in processes of one thread each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import torch

from benchmarks.device.describers import load
from benchmarks.device.settings import Settings
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.optimize import malloc

__all__ = ["Reference", "Result"]

Result = Description | Failure

_loaded: dict[str, Describer] = {}


class Reference:
    """Describes images on the CPU in the background.

    Args:
        settings: Options of the benchmark.
    """

    def __init__(self, settings: Settings) -> None:
        self._pool = ProcessPoolExecutor(settings.threads, get_context("spawn"), _start)
        self._settings = settings

    def submit(self, images: Sequence[bytes], backbone: str, recipes: tuple[str, ...]) -> list[Future[Result]]:
        return [self._pool.submit(_describe, image, self._settings, backbone, recipes) for image in images]

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def _start() -> None:
    malloc.retain()
    torch.set_num_threads(1)


def _describe(image: bytes, settings: Settings, backbone: str, recipes: tuple[str, ...]) -> Result:
    key = f"{backbone} {recipes}"
    if key not in _loaded:
        _loaded[key] = load(settings, backbone, "fp32", "cpu", recipes=recipes)
    (result,) = _loaded[key]([image])
    return result
