"""Preprocessing and batching of images on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from osrmac.descriptor.batching import fitting_batch_size
from osrmac.descriptor.decoding.pixels import to_array
from osrmac.descriptor.resize import image_pyramid, resize

__all__ = ["CPUDevice", "ComputeDevice", "GPUDevice", "PreprocessedImage"]

_GPU_CHUNK_SIZE = 32
"""Images that keep a GPU busy; more would only take more memory."""

PreprocessedImage = Sequence[Tensor]
"""Pixels of one image, ready for the device. Images whose tensors have equal shapes can form a batch."""


class ComputeDevice(Protocol):
    """The steps of describing images that differ between a CPU and a GPU.

    Attributes:
        decode_threads: Threads that decode and preprocess images.
        chunk_size: Images read at a time; those of equal shape within a chunk form batches.
        pipeline_depth: Chunks submitted to the device before the results of the oldest one are collected.
    """

    decode_threads: int
    chunk_size: int
    pipeline_depth: int

    def preprocess(self, image: Image.Image) -> PreprocessedImage:
        """Convert an RGB image to tensors; called from the decoding threads."""

    def pyramid(self, images: Sequence[PreprocessedImage]) -> Iterator[Tensor]:
        """Yield a batch per image size, the largest first: uint8, (N, 3, H_s, W_s), on the device."""

    def record(self) -> Callable[[], object]:
        """Return a function that waits for all work submitted to the device so far."""

    def max_batch_size(self, compute: Callable[[Sequence[PreprocessedImage]], object]) -> int:
        """Return the number of images that fit into the memory of the device when `compute` is run on them."""


class CPUDevice:
    """Resizes images in the decoding thread and computes them one at a time, because batching does not pay on a CPU.

    Args:
        image_sizes: Longest sides of the images in pixels, in descending order.
    """

    decode_threads = 1
    chunk_size = 1
    pipeline_depth = 0

    def __init__(self, image_sizes: Sequence[int]) -> None:
        self._image_sizes = image_sizes

    def preprocess(self, image: Image.Image) -> PreprocessedImage:
        """Resize an RGB image to all image sizes: uint8, (3, H_s, W_s) each."""
        return image_pyramid(image, self._image_sizes)

    def pyramid(self, images: Sequence[PreprocessedImage]) -> Iterator[Tensor]:
        """Stack each image size into a batch."""
        return (torch.stack(of_size) for of_size in zip(*images, strict=True))

    def record(self) -> Callable[[], object]:
        """Return a function that does nothing: all work is done when it returns."""
        return lambda: None

    def max_batch_size(self, compute: Callable[[Sequence[PreprocessedImage]], object]) -> int:  # noqa: ARG002
        """Return 1."""
        return self.chunk_size


class GPUDevice:
    """Uploads each image once, on a CUDA stream beside that of the computation, and resizes it on the GPU.

    Args:
        device: A CUDA device.
        image_sizes: Longest sides of the images in pixels, in descending order.
    """

    chunk_size = _GPU_CHUNK_SIZE
    pipeline_depth = 1

    def __init__(self, device: torch.device, image_sizes: Sequence[int]) -> None:
        self._device = device
        self.decode_threads = torch.get_num_threads()
        self._image_sizes = image_sizes
        self._upload_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def preprocess(self, image: Image.Image) -> PreprocessedImage:
        """Copy an RGB image to pinned memory: uint8, (H, W, 3)."""
        return [torch.from_numpy(to_array(image)).pin_memory()]

    def pyramid(self, images: Sequence[PreprocessedImage]) -> Iterator[Tensor]:
        """Upload a batch and yield it at each image size, resized when it is needed."""
        compute_stream = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._upload_stream):
            uploaded = torch.stack([pixels.to(self._device, non_blocking=True) for (pixels,) in images])
        compute_stream.wait_stream(self._upload_stream)
        uploaded.record_stream(compute_stream)
        batch = uploaded.permute(0, 3, 1, 2)
        return (resize(batch, longest_side) for longest_side in self._image_sizes)

    def record(self) -> Callable[[], object]:
        """Record a CUDA event and return its `synchronize`."""
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event.synchronize

    def max_batch_size(self, compute: Callable[[Sequence[PreprocessedImage]], object]) -> int:
        """Return how often the peak memory of one square image of the largest size fits into the free memory."""
        side = self._image_sizes[0]
        blank = self.preprocess(Image.new("RGB", (side, side)))
        try:
            compute([blank])  # the first call also allocates what stays, such as the workspaces of cuDNN
        except torch.OutOfMemoryError:
            return 1  # smaller images may still fit
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        compute([blank])
        per_image = torch.cuda.max_memory_allocated(self._device) - before
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self._device)
        return fitting_batch_size(free, per_image, self.chunk_size)
