"""CPU and GPU devices, alone and in a describer.

`GPUDevice` runs on the CPU here, with the functions of `torch.cuda` replaced by stubs. The last tests need a GPU.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from osrmac.config import DescriptorConfig, Precision
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.device import CPUDevice, GPUDevice, PreprocessedImage
from osrmac.descriptor.models.backbones import build
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.recipes import RECIPES
from osrmac.descriptor.resize import image_pyramid
from tests.pictures import encoded, textured

IMAGE_SIZES = (96, 64, 48)
CONFIG = DescriptorConfig(backbone="resnet18", weights="random:0", recipes=tuple(RECIPES), image_sizes=IMAGE_SIZES)
SHAPES = [(90, 60), (60, 90), (90, 60), (91, 60), (90, 60), (33, 33), (90, 60)]


class _Event:
    def __init__(self, log: list[str]) -> None:
        self._log = log

    def record(self, _stream: object) -> None:
        self._log.append("record")

    def synchronize(self) -> None:
        self._log.append("wait")


class _Stream:
    def wait_stream(self, _other: object) -> None:
        """Do nothing: all work is done immediately."""


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace `torch.cuda` by stubs; return the log of events that are recorded and waited for."""
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
def on_cpu(resnet18: Weights) -> Describer:
    return Describer(build("resnet18", (), resnet18.state), CONFIG)


@pytest.fixture
def as_on_gpu(on_cpu: Describer, cuda: list[str]) -> Describer:
    """The same describer with a `GPUDevice`."""
    describer = Describer(on_cpu.backbone, CONFIG)
    describer._use(GPUDevice(torch.device("cpu"), IMAGE_SIZES))
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


def test_both_devices_give_the_same_pixels(cuda: list[str]) -> None:
    images = [textured(seed=seed) for seed in range(3)]
    for device in (CPUDevice(IMAGE_SIZES), GPUDevice(torch.device("cpu"), IMAGE_SIZES)):
        batches = list(device.pyramid([device.preprocess(image) for image in images]))
        assert len(batches) == len(IMAGE_SIZES)
        for position, image in enumerate(images):
            for batch, expected in zip(batches, image_pyramid(image, IMAGE_SIZES), strict=True):
                assert torch.equal(batch[position], expected)


def test_batches_of_equal_shape_change_rounding_only(on_cpu: Describer, as_on_gpu: Describer) -> None:
    images = [encoded(textured(*size, seed=seed)) for seed, size in enumerate(SHAPES)]
    images.insert(2, b"not an image")
    batch_sizes = []

    with as_on_gpu.backbone.register_forward_pre_hook(lambda _, inputs: batch_sizes.append(len(inputs[0]))):
        results = as_on_gpu(images)

    assert sorted(batch_sizes) == sorted(3 * [4, 1, 1, 1])
    assert_near(results, on_cpu(images), 1e-5)


def test_a_chunk_is_submitted_before_the_previous_one_is_waited_for(
    on_cpu: Describer, as_on_gpu: Describer, cuda: list[str]
) -> None:
    as_on_gpu._compute_device.chunk_size = 2
    images = [encoded(textured(seed=seed)) for seed in range(5)]

    assert_near(as_on_gpu(images), on_cpu(images), 1e-5)
    assert cuda == ["record", "record", "wait", "record", "wait", "wait"]


def test_a_batch_that_does_not_fit_into_the_memory_is_split(on_cpu: Describer, as_on_gpu: Describer) -> None:
    images = [encoded(textured(seed=seed)) for seed in range(5)]
    expected = on_cpu(images)
    batch_sizes = []

    def fail(_: object, inputs: tuple[Tensor]) -> None:
        batch_sizes.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError

    with as_on_gpu.backbone.register_forward_pre_hook(fail):
        assert_near(as_on_gpu(images), expected, 1e-5)
        batch_sizes.clear()
        assert_near(as_on_gpu(images), expected, 1e-5)

    assert batch_sizes == 3 * [2] + 3 * [2] + 3 * [1]


def test_max_batch_size_follows_from_the_free_memory(cuda: list[str]) -> None:
    computed: list[Sequence[PreprocessedImage]] = []
    device = GPUDevice(torch.device("cpu"), IMAGE_SIZES)

    assert device.max_batch_size(computed.append) == device.chunk_size == 32
    assert [[tuple(pixels.shape) for pixels in images[0]] for images in computed] == 2 * [[(96, 96, 3)]]
    device.chunk_size = 64
    assert device.max_batch_size(computed.append) == 40  # 80% of 10000 bytes, 200 bytes per image


@pytest.mark.usefixtures("cuda")
def test_max_batch_size_is_one_if_the_largest_image_does_not_fit() -> None:
    def compute(_images: Sequence[PreprocessedImage]) -> None:
        raise torch.OutOfMemoryError

    assert GPUDevice(torch.device("cpu"), IMAGE_SIZES).max_batch_size(compute) == 1


def test_a_cpu_computes_one_image_at_a_time(on_cpu: Describer) -> None:
    batch_sizes = []
    with on_cpu.backbone.register_forward_pre_hook(lambda _, inputs: batch_sizes.append(len(inputs[0]))):
        on_cpu([encoded(textured(seed=seed)) for seed in range(3)])
    assert batch_sizes == 9 * [1]


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@needs_gpu
@pytest.mark.parametrize(("precision", "min_cosine"), [("fp32", 0.9999), ("fp16", 0.9995), ("bf16", 0.998)])
def test_a_gpu_agrees_with_a_cpu(on_cpu: Describer, resnet18: Weights, precision: Precision, min_cosine: float) -> None:
    config = replace(CONFIG, precision=precision)
    on_gpu = Describer(build("resnet18", (), resnet18.state), config, "cuda")
    images = [encoded(textured(*size, seed=seed)) for seed, size in enumerate(10 * SHAPES)]
    for result, known in zip(on_gpu(images), on_cpu(images), strict=True):
        assert isinstance(result, Description)
        assert isinstance(known, Description)
        for name, vector in result.vectors.items():
            assert _cosine(vector, known.vectors[name]) >= min_cosine


@needs_gpu
def test_other_images_on_a_gpu_change_rounding_only(resnet18: Weights) -> None:
    on_gpu = Describer(build("resnet18", (), resnet18.state), CONFIG, "cuda")
    images = [encoded(textured(seed=seed)) for seed in range(40)]
    assert_near(on_gpu(images), [result for image in images for result in on_gpu([image])], 1e-5)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))
