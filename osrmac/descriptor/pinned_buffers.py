"""Pinned memory, which a GPU reads while the CPU works."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["PinnedBuffers"]


class PinnedBuffers:
    """Buffers of pinned memory that are used again.

    torch keeps such memory for reuse, too, but asks the driver for each buffer whether its last copy has ended. The
    driver answers one thread at a time, and a thread that frees a buffer holds the interpreter lock meanwhile.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[Tensor]] = {}

    def take(self, length: int) -> Tensor:
        """Return a buffer of at least so many bytes: uint8, (2^n,), with any content. Threads may call this at once."""
        size = 1 << (length - 1).bit_length()
        try:
            return self._free.setdefault(size, []).pop()
        except IndexError:
            return _allocate(size)

    def give_back(self, buffer: Tensor) -> None:
        """Keep a buffer for reuse, which nothing may read or write any more."""
        self._free[len(buffer)].append(buffer)


def _allocate(size: int) -> Tensor:
    return torch.empty(size, dtype=torch.uint8, pin_memory=True)
