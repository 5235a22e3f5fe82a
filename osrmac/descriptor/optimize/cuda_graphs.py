"""CUDA graphs: all kernels of a computation are launched at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["CapturedComputation"]

_MAX_GRAPHS = 64

_Shapes = tuple[torch.Size, ...]
_Compute = Callable[[Sequence[Tensor]], list[Tensor]]


class CapturedComputation:
    """Runs a computation on a GPU, and captures it as a CUDA graph when batches of the same shapes come again.

    A network has hundreds of kernels. Launched one by one from a thread that waits for the interpreter lock of other
    threads before each of them, they take longer than they run.

    All graphs share the memory of their inputs, and of what they compute in between. Results are those of the latest
    call with the same shapes: use them on the same stream, before the next call.

    Args:
        compute: The computation, of batches, uint8. It must depend on nothing else, and never wait for the GPU.
    """

    def __init__(self, compute: _Compute) -> None:
        self._compute = compute
        self._met: set[_Shapes] = set()
        self._graphs: dict[_Shapes, tuple[list[Tensor], torch.cuda.CUDAGraph, list[Tensor]]] = {}
        self._max_graphs = _MAX_GRAPHS
        self._memory: Any = torch.cuda.graph_pool_handle()
        self._input = torch.empty(0, dtype=torch.uint8)

    def __call__(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Return the results of the computation."""
        shapes = tuple(batch.shape for batch in batches)
        if shapes in self._met and shapes not in self._graphs and len(self._graphs) < self._max_graphs:
            self._capture(shapes, batches)
        if shapes not in self._graphs:
            results = self._compute(batches)
            self._met.add(shapes)
            return results
        inputs, graph, results = self._graphs[shapes]
        for own, given in zip(inputs, batches, strict=True):
            own.copy_(given)
        graph.replay()
        return results

    def _capture(self, shapes: _Shapes, batches: Sequence[Tensor]) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            inputs = self._inputs(batches)
            # Decoding threads allocate pinned memory meanwhile, which the default mode forbids.
            with torch.cuda.graph(graph, self._memory, capture_error_mode="thread_local"):
                results = self._compute(inputs)
        except torch.OutOfMemoryError:
            self._max_graphs = len(self._graphs)  # from now on, further shapes are launched kernel by kernel
        else:
            self._graphs[shapes] = inputs, graph, results

    def _inputs(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Return dense tensors for the batches, in the memory that all graphs share."""
        lengths = [batch.numel() for batch in batches]
        if len(self._input) < sum(lengths):  # graphs that are there keep the memory that they were captured with
            self._input = torch.empty(sum(lengths), dtype=torch.uint8, device=batches[0].device)
        strides = [torch.empty_like(batch, device="meta").stride() for batch in batches]
        parts = torch.split(self._input[: sum(lengths)], lengths)
        return [
            part.as_strided(batch.shape, stride) for part, batch, stride in zip(parts, batches, strides, strict=True)
        ]
