"""Preprocessing and batching of images on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from osrmac.descriptor.batching import fitting_batch_size
from osrmac.descriptor.decoding.pixels import to_tensor
from osrmac.descriptor.pinned_buffers import PinnedBuffers
from osrmac.descriptor.resize import image_pyramid, resize

__all__ = ["GPU_BATCH_SIZE", "CPUDevice", "ComputeDevice", "GPUDevice", "PreprocessedImage"]

GPU_BATCH_SIZE = 32
"""Images that keep a GPU busy; more would only take more memory."""


@dataclass(frozen=True)
class PreprocessedImage:
    """Pixels of one image at all image sizes, ready for the device. Images of equal shapes can form a batch.

    Attributes:
        shapes: Shape of the pixels at each image size, the largest first.
        pixels: One tensor per image size, or one buffer that begins with all of them.
    """

    shapes: tuple[torch.Size, ...]
    pixels: tuple[Tensor, ...]


class ComputeDevice(Protocol):
    """The steps of describing images that differ between a CPU and a GPU.

    Attributes:
        decode_threads: Threads that decode and preprocess images.
        decoded_ahead: Images that they are ahead.
        batch_size: Images of a full batch.
        window: Consecutive images among which those of equal shape form batches.
        pipeline_depth: Batches submitted to the device before the results of the oldest one are collected.
    """

    decode_threads: int
    decoded_ahead: int
    batch_size: int
    window: int
    pipeline_depth: int

    def preprocess(self, image: Image.Image) -> PreprocessedImage:
        """Convert an RGB image; called from the decoding threads."""

    def upload(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """Return a batch on the device per image size, the largest first.

        Returns:
            RGB, uint8, (N, 3, H_s, W_s), or (N, 4, H_s, W_s), where the last byte of each pixel is unused.
        """

    def release(self, images: Sequence[PreprocessedImage]) -> None:
        """Reuse the memory of images whose batch has been waited for."""

    def download(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Copy vectors, float32, (N, ...), to the CPU; they may be read when a later `record` has been waited for."""

    def record(self) -> Callable[[], object]:
        """Return a function that waits for all work submitted to the device so far."""

    def max_batch_size(self, compute: Callable[[Sequence[PreprocessedImage]], object]) -> int:
        """Return the number of images that fit into the memory of the device when `compute` is run on them."""


class CPUDevice:
    """Resizes images in the decoding thread and computes them one at a time, because batching does not pay on a CPU.

    Args:
        image_sizes: Longest sides of the images in pixels, in descending order.
        multiple: Number of pixels to whose multiples all sides are rounded.
    """

    decode_threads = 1
    decoded_ahead = 1
    batch_size = 1
    window = 1
    pipeline_depth = 0

    def __init__(self, image_sizes: Sequence[int], multiple: int = 1) -> None:
        self._image_sizes = image_sizes
        self._multiple = multiple

    def preprocess(self, image: Image.Image) -> PreprocessedImage:
        """Resize an RGB image to all image sizes: uint8, (3, H_s, W_s) each."""
        pixels = image_pyramid(image, self._image_sizes, self._multiple)
        return PreprocessedImage(tuple(of_size.shape for of_size in pixels), tuple(pixels))

    def upload(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """Stack each image size into a batch: (N, 3, H_s, W_s)."""
        return [torch.stack(of_size) for of_size in zip(*(image.pixels for image in images), strict=True)]

    def release(self, images: Sequence[PreprocessedImage]) -> None:
        """Do nothing."""

    def download(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Return the vectors."""
        return list(vectors)

    def record(self) -> Callable[[], object]:
        """Return a function that does nothing: all work is done when it returns."""
        return lambda: None

    def max_batch_size(self, compute: Callable[[Sequence[PreprocessedImage]], object]) -> int:  # noqa: ARG002
        """Return 1."""
        return self.batch_size


class GPUDevice:
    """Resizes images in the decoding threads, and copies them on a CUDA stream beside that of the computation.

    The pixels are those that a CPU describes. Resizing on the GPU would give others: torch resizes bytes on a CPU with
    integers and everywhere else with floats, which differ by one level in a sixth of all pixels. A descriptor would
    differ by up to 3e-3.

    Args:
        device: A CUDA device.
        image_sizes: Longest sides of the images in pixels, in descending order.
        batch_size: Images of a full batch, a power of two.
        multiple: Number of pixels to whose multiples all sides are rounded.
        share: Share of the free memory to use, above 0 and at most 1.
    """

    pipeline_depth = 1

    def __init__(
        self,
        device: torch.device,
        image_sizes: Sequence[int],
        batch_size: int = GPU_BATCH_SIZE,
        multiple: int = 1,
        share: float = 1.0,
    ) -> None:
        self._device = device
        self._share = share
        self.batch_size = batch_size
        self.window = 8 * batch_size
        self.decode_threads = torch.get_num_threads()
        self.decoded_ahead = 2 * max(batch_size, self.decode_threads)
        self._image_sizes = image_sizes
        self._multiple = multiple
        self._upload_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pinned = PinnedBuffers()

    def preprocess(self, image: Image.Image) -> PreprocessedImage:
        """Resize an RGB image to all image sizes: uint8, (H_s, W_s, 4) each, in pinned memory, the last byte unused."""
        pixels = to_tensor(image).permute(2, 0, 1)
        resized = [resize(pixels, size, self._multiple) for size in self._image_sizes]
        shapes = tuple(torch.Size((*of_size.shape[1:], 4)) for of_size in resized)
        buffer = self._pinned.take(_length(shapes))
        for part, of_size in zip(_split(buffer, shapes), resized, strict=True):
            # NumPy copies in this thread, while torch would start several more in each decoding thread.
            part.numpy()[..., : len(of_size)] = of_size.permute(1, 2, 0).numpy()
        return PreprocessedImage(shapes, (buffer,))

    def upload(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """Copy images to the GPU, without waiting for it: (N, 4, H_s, W_s), channels-last within an image."""
        shapes = images[0].shapes
        length = _length(shapes)
        compute_stream = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._upload_stream):
            uploaded = torch.empty((len(images), length), dtype=torch.uint8, device=self._device)
            pixels = [image.pixels[0][:length] for image in images]
            torch._foreach_copy_(uploaded.unbind(), pixels, non_blocking=True)  # takes the interpreter lock once
        compute_stream.wait_stream(self._upload_stream)
        uploaded.record_stream(compute_stream)
        return [batch.permute(0, 3, 1, 2) for batch in _split(uploaded, shapes)]

    def release(self, images: Sequence[PreprocessedImage]) -> None:
        """Give the pinned memory of images back."""
        for image in images:
            self._pinned.give_back(image.pixels[0])

    def download(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Copy all vectors at once to pinned memory, without waiting for it."""
        lengths = [vector[0].numel() for vector in vectors]
        flat = torch.cat([vector.flatten(start_dim=1) for vector in vectors], dim=1)
        parts = torch.split(flat.to("cpu", non_blocking=True), lengths, dim=1)
        return [part.view(vector.shape) for part, vector in zip(parts, vectors, strict=True)]

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
        return fitting_batch_size(int(self._share * free), per_image, self.batch_size)


def _length(shapes: Sequence[torch.Size]) -> int:
    return sum(shape.numel() for shape in shapes)


def _split(pixels: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """Return the first of flat pixels, (..., B), as tensors of the given shapes, (..., H_s, W_s, 4)."""
    parts = torch.split(pixels[..., : _length(shapes)], [shape.numel() for shape in shapes], dim=-1)
    return [part.view(*pixels.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)]
