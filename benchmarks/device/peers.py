"""Images per second relative to a straightforward script, with one image at a time and with batches of equal shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

import torch

from benchmarks.describe import SimpleScript
from benchmarks.device.describers import load
from benchmarks.device.pictures import equal
from benchmarks.device.section import Checks
from benchmarks.device.settings import Settings
from benchmarks.device.steady import measure

_Map = Callable[[Callable[[bytes], list[torch.Tensor]], list[bytes]], Iterable[list[torch.Tensor]]]


@dataclass(frozen=True)
class _Script:
    """The script with batches, and a function like `map` that reads the images of a batch."""

    script: SimpleScript
    size: int
    read: _Map = map

    def rate(self, images: Sequence[bytes], seconds: float) -> float:
        """Images per second, after one batch that warms up."""
        turns, described, started = cycle(images), -self.size, time.perf_counter()
        while described <= 0 or time.perf_counter() < started + seconds:
            self.script.describe(list(self.read(self.script.read, list(islice(turns, self.size)))))
            described += self.size
            if described == 0:
                started = time.perf_counter()
        return described / (time.perf_counter() - started)


def checks(settings: Settings) -> Checks:
    images = equal(settings)
    peers: dict[str, float] = {}
    own: dict[str, float] = {}
    script = SimpleScript(settings.resnet, settings.image_sizes, settings.device, torch.bfloat16)
    with ThreadPoolExecutor(settings.threads) as pool:
        single, small, large = settings.pick((1, 8, 32), (1, 2, 4))
        scripts = {
            "script, one image at a time": _Script(script, single),
            f"script, batches of {small}": _Script(script, small),
            f"script, batches of {large}": _Script(script, large),
            f"script, batches of {large} decoded in {settings.threads} threads": _Script(script, large, pool.map),
        }
        for name, batches in scripts.items():
            yield name, partial(_noted, peers, name, partial(batches.rate, images, settings.pick(3.0, 0.5)))
    for name, compiled in {"osrmac": False, "osrmac compiled": True}.items():
        yield name, partial(_noted, own, name, partial(_own_rate, settings, images, compiled))
    yield (
        "ratios",
        lambda: {name: {peer: round(rate / slower, 2) for peer, slower in peers.items()} for name, rate in own.items()},
    )


def _own_rate(settings: Settings, images: Sequence[bytes], compiled: bool) -> float:
    return measure(settings, load(settings, settings.resnet, "bf16", compiled=compiled), images).rate


def _noted(rates: dict[str, float], name: str, measure_rate: Callable[[], float]) -> dict[str, float]:
    """Measure a rate, and keep it for the ratios."""
    rates[name] = measure_rate()
    return {"images per second": round(rates[name], 2)}
