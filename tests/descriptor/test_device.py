"""Both placements, and describing on either.

Without a GPU, what torch.cuda does is replaced by nothing, so that all the rest runs on the CPU: which work is begun,
in which order, and what comes of it. The last tests need a GPU.
"""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from osrmac.config import DescriptorConfig, Precision
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.device import OnCPU, OnGPU, Prepared
from osrmac.descriptor.models.backbones import build
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.recipes import RECIPES
from osrmac.descriptor.resize import image_pyramid

SCALES = (96, 64, 48)
CONFIG = DescriptorConfig("resnet18", "random:0", recipes=tuple(RECIPES), image_sizes=SCALES)
SIZES = [(90, 60), (60, 90), (90, 60), (91, 60), (90, 60), (33, 33), (90, 60)]


def picture(width: int = 90, height: int = 60, seed: int = 0) -> Image.Image:
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8))
    return coarse.resize((width, height))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class _Event:
    def __init__(self, log: list[str]) -> None:
        self._log = log

    def record(self, _stream: object) -> None:
        self._log.append("record")

    def synchronize(self) -> None:
        self._log.append("wait")


class _Stream:
    def wait_stream(self, _other: object) -> None:
        """Nothing is ever late."""


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for torch.cuda; which events were recorded and waited for."""
    log: list[str] = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda _device: _Stream())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: _Stream())
    monkeypatch.setattr(torch.cuda, "stream", lambda _stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", lambda: _Event(log))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _device: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 100)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _device: 300)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (10_000, 20_000))
    monkeypatch.setattr(Tensor, "pin_memory", lambda pixels: pixels)
    monkeypatch.setattr(Tensor, "record_stream", lambda _pixels, _stream: None)
    return log


@pytest.fixture(scope="module")
def alone(resnet18: Weights) -> Describer:
    return Describer(build("resnet18", (), resnet18.state), CONFIG)


@pytest.fixture
def together(alone: Describer, cuda: list[str]) -> Describer:
    """The same describer, which works as on a GPU."""
    describer = Describer(alone.backbone, CONFIG)
    describer._place(OnGPU(torch.device("cpu"), SCALES))
    cuda.clear()
    return describer


def assert_near(results: list[Description | Failure], expected: list[Description | Failure], atol: float) -> None:
    for result, known in zip(results, expected, strict=True):
        if isinstance(known, Failure):
            assert result == known
            continue
        assert isinstance(result, Description)
        assert (result.width, result.height) == (known.width, known.height)
        for name, vector in result.vectors.items():
            np.testing.assert_allclose(vector, known.vectors[name], rtol=0, atol=atol)


def test_both_bring_pictures_to_the_same_pixels(cuda: list[str]) -> None:
    pictures = [picture(seed=seed) for seed in range(3)]
    for placement in (OnCPU(SCALES), OnGPU(torch.device("cpu"), SCALES)):
        scaled = list(placement.scaled([placement.prepare(image) for image in pictures]))
        assert len(scaled) == len(SCALES)
        for position, image in enumerate(pictures):
            for pixels, expected in zip(scaled, image_pyramid(image, SCALES), strict=True):
                assert torch.equal(pixels[position], expected)


def test_pictures_of_equal_size_computed_together_change_rounding_only(alone: Describer, together: Describer) -> None:
    images = [png(picture(*size, seed=seed)) for seed, size in enumerate(SIZES)]
    images.insert(2, b"no picture")
    batches = []

    with together.backbone.register_forward_pre_hook(lambda _, given: batches.append(len(given[0]))):
        results = together(images)

    assert sorted(batches) == sorted(3 * [4, 1, 1, 1])
    assert_near(results, alone(images), 1e-5)


def test_a_window_is_begun_before_the_last_one_is_waited_for(
    alone: Describer, together: Describer, cuda: list[str]
) -> None:
    together._placement.window = 2
    images = [png(picture(seed=seed)) for seed in range(5)]

    assert_near(together(images), alone(images), 1e-5)
    assert cuda == ["record", "record", "wait", "record", "wait", "wait"]


def test_a_batch_too_large_for_the_memory_is_computed_in_parts(alone: Describer, together: Describer) -> None:
    images = [png(picture(seed=seed)) for seed in range(5)]
    expected = alone(images)
    batches = []

    def fail(_: object, given: tuple[Tensor]) -> None:
        batches.append(len(given[0]))
        if len(given[0]) > 2:
            raise torch.OutOfMemoryError

    with together.backbone.register_forward_pre_hook(fail):
        assert_near(together(images), expected, 1e-5)
        batches.clear()
        assert_near(together(images), expected, 1e-5)

    assert batches == 3 * [2] + 3 * [2] + 3 * [1]


def test_the_memory_tells_how_many_pictures_fit(cuda: list[str]) -> None:
    computed: list[Sequence[Prepared]] = []
    placement = OnGPU(torch.device("cpu"), SCALES)

    assert placement.most_together(computed.append) == placement.window == 32
    assert [[tuple(pixels.shape) for pixels in pictures[0]] for pictures in computed] == 2 * [[(96, 96, 3)]]
    placement.window = 64
    assert placement.most_together(computed.append) == 40  # of 200 bytes each in 8000


@pytest.mark.usefixtures("cuda")
def test_a_gpu_too_small_for_the_largest_picture_is_given_one_at_a_time() -> None:
    def compute(_pictures: Sequence[Prepared]) -> None:
        raise torch.OutOfMemoryError

    assert OnGPU(torch.device("cpu"), SCALES).most_together(compute) == 1


def test_a_cpu_computes_one_at_a_time(alone: Describer) -> None:
    batches = []
    with alone.backbone.register_forward_pre_hook(lambda _, given: batches.append(len(given[0]))):
        alone([png(picture(seed=seed)) for seed in range(3)])
    assert batches == 9 * [1]


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@needs_gpu
@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("fp16", 0.9995), ("bf16", 0.998)])
def test_a_gpu_computes_what_a_cpu_does(
    alone: Describer, resnet18: Weights, precision: Precision, least: float
) -> None:
    config = replace(CONFIG, precision=precision)
    on_gpu = Describer(build("resnet18", (), resnet18.state), config, "cuda")
    images = [png(picture(*size, seed=seed)) for seed, size in enumerate(10 * SIZES)]
    for result, known in zip(on_gpu(images), alone(images), strict=True):
        assert isinstance(result, Description)
        assert isinstance(known, Description)
        for name, vector in result.vectors.items():
            assert _cosine(vector, known.vectors[name]) >= least


@needs_gpu
def test_neighbours_on_a_gpu_change_rounding_only(resnet18: Weights) -> None:
    on_gpu = Describer(build("resnet18", (), resnet18.state), CONFIG, "cuda")
    images = [png(picture(seed=seed)) for seed in range(40)]
    assert_near(on_gpu(images), [result for image in images for result in on_gpu([image])], 1e-5)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))
