"""CPU and GPU devices, alone and in a describer.

`GPUDevice` runs on the CPU here, with the functions of `torch.cuda` replaced by stubs. The last tests need a GPU.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
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
from osrmac.descriptor.recipes import RECIPES, FeatureMaps, Recipe
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
    monkeypatch.setattr("osrmac.descriptor.pinned_buffers._allocate", lambda size: torch.empty(size, dtype=torch.uint8))
    monkeypatch.setattr(Tensor, "record_stream", lambda _pixels, _stream: None)
    return log


@pytest.fixture(scope="module")
def on_cpu(resnet18: Weights) -> Describer:
    return Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG)


@pytest.fixture
def as_on_gpu(on_cpu: Describer, cuda: list[str]) -> Describer:
    """The same describer with a `GPUDevice`."""
    describer = Describer(on_cpu.backbone, CONFIG)
    describer._use(GPUDevice(torch.device("cpu"), IMAGE_SIZES))
    cuda.clear()
    return describer


def assert_near(results: list[Description | Failure], expected: list[Description | Failure], atol: float) -> None:
    for result, reference in zip(results, expected, strict=True):
        if isinstance(reference, Failure):
            assert result == reference
            continue
        assert isinstance(result, Description)
        assert (result.width, result.height) == (reference.width, reference.height)
        for name, vector in result.vectors.items():
            np.testing.assert_allclose(vector, reference.vectors[name], rtol=0, atol=atol)


@pytest.mark.parametrize("size", [(90, 60), (2100, 2050)], ids=["small", "over 16 MB"])
@pytest.mark.usefixtures("cuda")
def test_both_devices_give_the_same_pixels(size: tuple[int, int]) -> None:
    images = [textured(9, 6, seed=seed).resize(size) for seed in range(3)]
    for device in (CPUDevice(IMAGE_SIZES, 16), GPUDevice(torch.device("cpu"), IMAGE_SIZES, multiple=16)):
        batches = device.upload([device.preprocess(image) for image in images])
        assert len(batches) == len(IMAGE_SIZES)
        for position, image in enumerate(images):
            for batch, expected in zip(batches, image_pyramid(image, IMAGE_SIZES, 16), strict=True):
                assert torch.equal(batch[position, :3], expected)


@pytest.mark.integration
def test_a_decoding_thread_starts_no_threads() -> None:
    code = """
import os, threading
import torch
from PIL import Image
from osrmac.descriptor import device, pinned_buffers
pinned_buffers._allocate = lambda size: torch.empty(size, dtype=torch.uint8)
torch.set_num_threads(8)
gpu = object.__new__(device.GPUDevice)
gpu._image_sizes, gpu._multiple, gpu._pinned = (1050, 800), 1, pinned_buffers.PinnedBuffers()
counted = []

def run():
    gpu.preprocess(Image.new("RGB", (1024, 768)))
    counted.append(threading.active_count() - len(os.listdir("/proc/self/task")))

before = threading.active_count() - len(os.listdir("/proc/self/task"))
thread = threading.Thread(target=run)
thread.start()
thread.join()
assert counted == [before], (counted, before)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_batches_of_equal_shape_change_rounding_only(on_cpu: Describer, as_on_gpu: Describer) -> None:
    images = [encoded(textured(*size, seed=seed)) for seed, size in enumerate(SHAPES)]
    images.insert(2, b"not an image")
    batch_sizes = []

    with as_on_gpu.backbone.register_forward_pre_hook(lambda _, inputs: batch_sizes.append(len(inputs[0]))):
        results = as_on_gpu(images)

    assert sorted(batch_sizes) == sorted(3 * [4, 1, 1, 1])
    assert_near(results, on_cpu(images), 1e-5)


def test_a_batch_is_submitted_before_the_previous_one_is_waited_for(
    on_cpu: Describer, as_on_gpu: Describer, cuda: list[str]
) -> None:
    as_on_gpu._use(GPUDevice(torch.device("cpu"), IMAGE_SIZES, batch_size=2))
    cuda.clear()
    images = [encoded(textured(seed=seed)) for seed in range(5)]

    assert_near(as_on_gpu(images), on_cpu(images), 1e-5)
    assert cuda == ["record", "record", "wait", "record", "wait", "wait"]


def test_results_keep_the_order_of_the_images_whatever_batch_they_are_in(
    on_cpu: Describer, as_on_gpu: Describer
) -> None:
    as_on_gpu._use(GPUDevice(torch.device("cpu"), IMAGE_SIZES, batch_size=2))
    images = [encoded(textured(*size, seed=seed)) for seed, size in enumerate(4 * SHAPES)]
    images.insert(5, b"not an image")

    assert_near(as_on_gpu(images), on_cpu(images), 1e-5)


def test_an_image_of_an_unusual_shape_waits_for_a_limited_number_of_others(as_on_gpu: Describer) -> None:
    device = GPUDevice(torch.device("cpu"), IMAGE_SIZES, batch_size=2)
    as_on_gpu._use(device)
    read = []

    def endless() -> Iterator[bytes]:
        yield encoded(textured(33, 33))
        common = encoded(textured(90, 60))
        while True:
            read.append(common)
            yield common

    first = next(as_on_gpu.stream(endless()))

    assert isinstance(first, Description)
    assert (first.width, first.height) == (33, 33)
    assert len(read) <= device.window + device.decoded_ahead + 2


@pytest.mark.usefixtures("cuda")
def test_every_decoding_thread_has_work_however_small_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)

    device = GPUDevice(torch.device("cpu"), IMAGE_SIZES, batch_size=1)

    assert device.decoded_ahead >= device.decode_threads == 16


@pytest.mark.parametrize(("max_encoded", "in_parallel"), [(10**9, True), (1, False)])
def test_files_that_wait_to_be_decoded_take_limited_memory(
    as_on_gpu: Describer, monkeypatch: pytest.MonkeyPatch, max_encoded: int, in_parallel: bool
) -> None:
    as_on_gpu._compute_device.decode_threads = 4
    prepare, running, most = as_on_gpu._prepare, [], []

    def slow(encoded: bytes | Exception, box: None) -> object:
        running.append(encoded)
        most.append(len(running))
        time.sleep(0.05)
        running.remove(encoded)
        return prepare(encoded, box)

    monkeypatch.setattr("osrmac.descriptor.describer._MAX_ENCODED", max_encoded)
    monkeypatch.setattr(as_on_gpu, "_prepare", slow)
    as_on_gpu([encoded(textured(seed=seed)) for seed in range(8)])

    assert (max(most) > 1) == in_parallel


def test_pinned_memory_is_used_again_when_a_batch_has_been_waited_for(
    as_on_gpu: Describer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = GPUDevice(torch.device("cpu"), IMAGE_SIZES, batch_size=2)
    as_on_gpu._use(device)
    allocated: list[int] = []

    def allocate(size: int) -> Tensor:
        allocated.append(size)
        return torch.empty(size, dtype=torch.uint8)

    monkeypatch.setattr("osrmac.descriptor.pinned_buffers._allocate", allocate)
    images = [encoded(textured(seed=seed)) for seed in range(30)]
    results = as_on_gpu(images)

    assert all(isinstance(result, Description) for result in results)
    assert len(allocated) <= device.decoded_ahead + (device.pipeline_depth + 2) * device.batch_size < len(images)


def test_a_batch_is_filled_up_with_copies_of_its_last_image(on_cpu: Describer, as_on_gpu: Describer) -> None:
    images = [encoded(textured(seed=seed)) for seed in range(7)]
    batches = []

    with as_on_gpu.backbone.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0])):
        results = as_on_gpu(images)

    assert [len(batch) for batch in batches] == 3 * [8]
    assert all(torch.equal(batch[6], batch[7]) for batch in batches)
    assert_near(results, on_cpu(images), 1e-5)


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

    device.batch_size = 8
    assert device.max_batch_size(computed.append) == 8
    assert [[tuple(shape) for shape in images[0].shapes] for images in computed] == 2 * [
        [(side, side, 4) for side in IMAGE_SIZES]
    ]
    device.batch_size = 64
    assert device.max_batch_size(computed.append) == 16  # 40% of 10000 bytes, 200 bytes per image, a power of two
    assert GPUDevice(torch.device("cpu"), IMAGE_SIZES, 64, share=0.5).max_batch_size(computed.append) == 8


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
ODD_SHAPES = [(1, 300), (300, 1), (33, 33), (3, 2), (200, 31), (1, 1)]


@needs_gpu
@pytest.mark.parametrize(("precision", "min_cosine"), [("fp32", 0.9999), ("fp16", 0.9995), ("bf16", 0.998)])
def test_a_gpu_agrees_with_a_cpu(on_cpu: Describer, resnet18: Weights, precision: Precision, min_cosine: float) -> None:
    config = replace(CONFIG, precision=precision)
    on_gpu = Describer(build("resnet18", (), resnet18.state, embedding=True), config, "cuda")
    images = [encoded(textured(*size, seed=seed)) for seed, size in enumerate(10 * SHAPES)]
    for result, reference in zip(on_gpu(images), on_cpu(images), strict=True):
        assert isinstance(result, Description)
        assert isinstance(reference, Description)
        for name, vector in result.vectors.items():
            assert _cosine(vector, reference.vectors[name]) >= min_cosine


@needs_gpu
def test_other_images_on_a_gpu_change_rounding_only(resnet18: Weights) -> None:
    on_gpu = Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG, "cuda")
    images = [encoded(textured(seed=seed)) for seed in range(40)]
    assert_near(on_gpu(images), [result for image in images for result in on_gpu([image])], 1e-5)


@needs_gpu
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_every_batch_size_and_shape_on_a_gpu_agrees_with_a_cpu(
    on_cpu: Describer, resnet18: Weights, compiled: bool
) -> None:
    config = replace(CONFIG, image_sizes=(256, 192, 160))  # narrower ones are not compiled
    reference = Describer(build("resnet18", (), resnet18.state, embedding=True), config)
    on_gpu = Describer(build("resnet18", (), resnet18.state, embedding=True), config, "cuda", compiled=compiled)
    for number in (1, 7, 32):
        images = [encoded(textured(256, 240, seed=seed)) for seed in range(number)]
        assert_near(on_gpu(images), reference(images), 1e-4)
    odd = [encoded(textured(*size)) for size in ODD_SHAPES]
    assert_near(on_gpu(odd), reference(odd), 1e-4)


@needs_gpu
def test_the_kernels_of_a_shape_that_comes_again_give_equal_descriptors(resnet18: Weights) -> None:
    on_gpu = Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG, "cuda")
    images = [encoded(textured(*size, seed=seed)) for seed, size in enumerate(4 * [(90, 60)] + 2 * [(60, 90)])]
    launched = on_gpu(images)

    for _ in range(3):  # captured, and then replayed
        assert_near(on_gpu(images), launched, 1e-6)
        assert_near(on_gpu(images[3::-1]), launched[3::-1], 1e-6)


@needs_gpu
def test_a_recipe_that_waits_for_the_gpu_is_computed_without_capturing(resnet18: Weights) -> None:
    def largest(features: FeatureMaps) -> Tensor:
        return features.early(0) * float(features.early(0).max())

    config = replace(CONFIG, recipes=("largest", "osrmac"))
    known = {**RECIPES, "largest": Recipe(largest)}
    on_gpu = Describer(build("resnet18", (), resnet18.state), config, "cuda", recipes=known)
    images = [encoded(textured(seed=seed)) for seed in range(4)]
    launched = on_gpu(images)

    for _ in range(3):
        assert_near(on_gpu(images), launched, 1e-6)


@needs_gpu
def test_nothing_waits_for_a_gpu_but_the_end_of_a_batch(resnet18: Weights) -> None:
    on_gpu = Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG, "cuda")
    pixels = [on_gpu._compute_device.preprocess(textured(seed=seed)) for seed in range(8)]
    for _ in range(2):
        on_gpu._compute(pixels)  # the second time, its kernels are captured
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        on_gpu._compute_vectors(on_gpu._compute_device.upload(pixels))
        on_gpu._compute(pixels)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_gpu
def test_batches_that_do_not_fit_into_the_memory_of_a_gpu_become_smaller(resnet18: Weights) -> None:
    config = replace(CONFIG, image_sizes=(800, 640), recipes=("osrmac",))
    on_gpu = Describer(build("resnet18", (), resnet18.state, embedding=True), config, "cuda")
    images = [encoded(textured(800, 800, seed=seed)) for seed in range(32)]
    expected = on_gpu(images)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    limit = torch.cuda.memory_allocated() + (torch.cuda.max_memory_allocated() - torch.cuda.memory_allocated()) // 3
    torch.cuda.set_per_process_memory_fraction(limit / total)
    try:
        results = on_gpu(images)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert on_gpu._batcher.max_size < 32
    assert_near(results, expected, 1e-5)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))
