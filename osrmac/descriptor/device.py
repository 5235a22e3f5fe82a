"""Where pictures are brought to their scales, and how they reach the network: on a CPU, or on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from osrmac.descriptor.batching import fitting
from osrmac.descriptor.resize import image_pyramid, resize

__all__ = ["OnCPU", "OnGPU", "Placement"]

_TOGETHER = 32
"""Pictures that keep a GPU busy; more at once would only take more memory."""

Prepared = Sequence[Tensor]
"""A picture as it waits for the network. Those of equal shapes can be computed together."""


class Placement(Protocol):
    """What depends on the device.

    Attributes:
        threads: That prepare pictures.
        window: Pictures among which those of equal size are computed together.
        in_flight: Windows that are computed while the next one is begun.
    """

    threads: int
    window: int
    in_flight: int

    def prepare(self, image: Image.Image) -> Prepared:
        """What of a picture waits for the network; called by threads."""

    def scaled(self, pictures: Sequence[Prepared]) -> Iterator[Tensor]:
        """Pictures of equal size at each scale, the largest first: uint8, (N, 3, height, width), on the device."""

    def finished(self) -> Callable[[], object]:
        """What waits until all is computed that has been begun so far."""

    def most_together(self, compute: Callable[[Sequence[Prepared]], object]) -> int:
        """How many pictures fit into the memory together, if this is how they are computed."""


class OnCPU:
    """The thread that decodes a picture also resizes it, and the network, fastest with one at a time, takes no more."""

    threads = 1
    window = 1
    in_flight = 0

    def __init__(self, scales: Sequence[int]) -> None:
        self._scales = scales

    def prepare(self, image: Image.Image) -> Prepared:
        """The picture at its scales."""
        return image_pyramid(image, self._scales)

    def scaled(self, pictures: Sequence[Prepared]) -> Iterator[Tensor]:
        """Those."""
        return (torch.stack(pixels) for pixels in zip(*pictures, strict=True))

    def finished(self) -> Callable[[], object]:
        """Nothing to wait for."""
        return lambda: None

    def most_together(self, compute: Callable[[Sequence[Prepared]], object]) -> int:  # noqa: ARG002
        """One."""
        return self.window


class OnGPU:
    """A picture goes to the GPU once, on a stream of its own beside the computing one, and is resized there."""

    window = _TOGETHER
    in_flight = 1

    def __init__(self, device: torch.device, scales: Sequence[int]) -> None:
        self._device = device
        self.threads = torch.get_num_threads()
        self._scales = scales
        self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def prepare(self, image: Image.Image) -> Prepared:
        """The picture as it is, where the GPU can read it, (height, width, 3)."""
        return [torch.from_numpy(np.array(image)).pin_memory()]

    def scaled(self, pictures: Sequence[Prepared]) -> Iterator[Tensor]:
        """Each scale is made when it is asked for."""
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._copying):
            pixels = torch.stack([pixels.to(self._device, non_blocking=True) for (pixels,) in pictures])
        computing.wait_stream(self._copying)
        pixels.record_stream(computing)
        images = pixels.permute(0, 3, 1, 2)
        return (resize(images, longest_side) for longest_side in self._scales)

    def finished(self) -> Callable[[], object]:
        """An event."""
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event.synchronize

    def most_together(self, compute: Callable[[Sequence[Prepared]], object]) -> int:
        """Told by what the largest picture takes alone; if even that is too much, a smaller one may fit."""
        side = self._scales[0]
        blank = self.prepare(Image.new("RGB", (side, side)))
        try:
            compute([blank])  # which also loads what stays
        except torch.OutOfMemoryError:
            return 1
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        compute([blank])
        used = torch.cuda.max_memory_allocated(self._device) - before
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self._device)
        return fitting(free, used, self.window)
