"""Images per second that the host decodes, in threads and in processes, and by other decoders.

Perfect scaling is the rate of one thread times the number of threads.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg

from benchmarks.device.clock import best
from benchmarks.device.describers import load
from benchmarks.device.pictures import equal
from benchmarks.device.section import Checks
from benchmarks.device.settings import Settings
from osrmac.descriptor.images import decode
from osrmac.descriptor.resize import image_pyramid

_THREADS = (1, 2, 4, 8, 16)
_MAX_PIXELS = 10**8

_Work = Callable[[bytes], object]


def checks(settings: Settings) -> Checks:
    """The GPU's own decoder comes last, because it is the most likely to crash."""
    images = equal(settings)
    counts = [count for count in _THREADS if count <= settings.threads]
    describer = load(settings, settings.resnet, "bf16")
    preparing = partial(_by_threads, settings, lambda image: describer._prepare(image, None), images, counts)
    yield "decoding and preprocessing of Describer in threads", preparing
    resize = partial(_decode_and_resize, settings.image_sizes)
    yield "decoding and resizing in threads", partial(_by_threads, settings, resize, images, counts)
    yield (
        f"decoding and resizing in {counts[-1]} processes",
        partial(_by_processes, settings, resize, images, counts[-1]),
    )
    decoders: dict[str, _Work] = {"Pillow": _by_pillow, "torchvision": _by_torchvision}
    for name, decoder in decoders.items():
        yield f"{name} in {counts[-1]} threads", partial(_by_threads, settings, decoder, images, counts[-1:])
    yield "torchvision, difference from Pillow", partial(_difference, lambda: map(_by_torchvision, images), images)
    if settings.on_gpu:
        yield "nvJPEG, difference from Pillow", partial(_difference, lambda: _by_gpu(images), images)
        yield "nvJPEG", partial(_gpu_rate, images * 10)


def _decode_and_resize(image_sizes: tuple[int, ...], image: bytes) -> object:
    return image_pyramid(decode(image, max_pixels=_MAX_PIXELS).image, image_sizes)


def _by_threads(
    settings: Settings, work: _Work, images: Sequence[bytes], counts: Sequence[int]
) -> dict[str, dict[str, float]]:
    rates = {count: _rate(settings, work, images, count) for count in counts}
    lowest = counts[0]
    return {
        f"{count} threads": {
            "images per second": round(rate, 1),
            "share of perfect scaling": round(rate / count / (rates[lowest] / lowest), 3),
        }
        for count, rate in rates.items()
    }


def _rate(settings: Settings, work: _Work, images: Sequence[bytes], threads: int) -> float:
    """Images per second of a pool of threads."""
    number = settings.pick(150, 10) * threads
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, islice(cycle(images), threads)))
        started = time.perf_counter()
        for _ in pool.map(work, islice(cycle(images), number)):
            pass
        return number / (time.perf_counter() - started)


def _by_processes(settings: Settings, work: _Work, images: Sequence[bytes], processes: int) -> dict[str, float]:
    """Images per second of single-threaded processes that run at the same time."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _start, (spawn.Barrier(processes),)) as pool:
        rates = [pool.submit(_rate_for, work, images, settings.pick(2.0, 0.5)) for _ in range(processes)]
        return {"images per second": round(sum(rate.result() for rate in rates), 1)}


def _start(barrier: Barrier) -> None:
    """Wait in each process until all of them have been started."""
    torch.set_num_threads(1)
    barrier.wait(timeout=60)


def _rate_for(work: _Work, images: Sequence[bytes], seconds: float) -> float:
    """Images per second of this process."""
    started, number = time.perf_counter(), 0
    while time.perf_counter() < started + seconds:
        work(images[number % len(images)])
        number += 1
    return number / (time.perf_counter() - started)


def _by_pillow(image: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(image)) as opened:
        return torch.from_numpy(np.array(opened)).permute(2, 0, 1)


def _tensor(image: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(image), dtype=torch.uint8)


def _by_torchvision(image: bytes) -> torch.Tensor:
    decoded: torch.Tensor = decode_jpeg(_tensor(image), mode=ImageReadMode.RGB)
    return decoded


def _by_gpu(images: Sequence[bytes]) -> list[torch.Tensor]:
    decoded: list[torch.Tensor] = decode_jpeg(
        [_tensor(image) for image in images], mode=ImageReadMode.RGB, device="cuda"
    )
    return decoded


def _difference(decoded: Callable[[], Iterable[torch.Tensor]], images: Sequence[bytes]) -> dict[str, float]:
    differences = [
        (pixels.cpu().int() - _by_pillow(image).int()).abs() for pixels, image in zip(decoded(), images, strict=True)
    ]
    return {
        "largest": max(int(of_image.max()) for of_image in differences),
        "share different": float(np.mean([float((of_image > 0).float().mean()) for of_image in differences])),
    }


def _gpu_rate(images: Sequence[bytes]) -> dict[str, float]:
    return {"images per second": round(len(images) / best(lambda: _by_gpu(images), "cuda", rounds=3), 1)}
