"""Captured computations, with `torch.cuda` replaced by stubs: a graph here runs its computation again.

`tests/descriptor/test_device.py` has those that need a GPU.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from osrmac.descriptor.optimize import cuda_graphs
from osrmac.descriptor.optimize.cuda_graphs import CapturedComputation


class _Graph:
    """Copies the results of a computation into those that it had when it was captured."""

    replay: Callable[[], None]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace `torch.cuda` by stubs; return the log of what is launched, captured and replayed."""
    log: list[str] = []

    @contextmanager
    def graph(_graph: _Graph, _memory: object, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        log.append("capture")
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "memory")
    return log


class _Doubled:
    """Doubles the sum of each image; what it is given first by a capture, a replay of the last graph computes."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.given: list[Sequence[Tensor]] = []

    def __call__(self, batches: Sequence[Tensor]) -> list[Tensor]:
        self._log.append("compute")
        self.given.append(batches)
        results = [2 * batch.sum(dim=(1, 2, 3), dtype=torch.int64) for batch in batches]
        if self._log[-2:] == ["capture", "compute"]:

            def replay() -> None:
                self._log.append("replay")
                for result, batch in zip(results, batches, strict=True):
                    result.copy_(2 * batch.sum(dim=(1, 2, 3), dtype=torch.int64))

            _Graph.replay = staticmethod(replay)
        return results


def batch(*shape: int, value: int = 1) -> Tensor:
    """A batch within a larger one, channels-last, as `GPUDevice` gives them."""
    number, channels, height, width = shape
    flat = torch.full((number, channels * height * width + 8), value, dtype=torch.uint8)
    return flat[:, :-8].view(number, height, width, channels).permute(0, 3, 1, 2)


def test_shapes_that_come_again_are_captured_and_then_replayed(computed: list[str]) -> None:
    compute = CapturedComputation(_Doubled(computed))

    results = [compute([batch(2, 4, 3, 5, value=value)])[0].tolist() for value in (1, 2, 3)]

    assert results == [[120, 120], [240, 240], [360, 360]]
    assert computed == ["compute", "capture", "compute", "replay", "replay"]


def test_other_shapes_are_launched(computed: list[str]) -> None:
    compute = CapturedComputation(_Doubled(computed))

    compute([batch(2, 4, 3, 5), batch(2, 4, 2, 2)])
    compute([batch(2, 4, 3, 5), batch(2, 4, 2, 3)])

    assert computed == ["compute", "compute"]


def test_all_graphs_read_the_same_memory(computed: list[str]) -> None:
    doubled = _Doubled(computed)
    compute = CapturedComputation(doubled)

    for shapes in (((2, 4, 3, 5), (2, 4, 2, 2)), ((2, 4, 5, 3), (2, 4, 2, 2)), ((1, 4, 1, 1), (1, 4, 1, 1))):
        for _ in range(2):
            compute([batch(*shape) for shape in shapes])

    captured = doubled.given[1::2]
    assert len({inputs[0].untyped_storage().data_ptr() for inputs in captured}) == 1
    for inputs in captured:
        assert all(part.is_contiguous(memory_format=torch.channels_last) for part in inputs)
        assert inputs[1].storage_offset() == inputs[0].numel()


def test_the_number_of_graphs_is_limited(computed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "_MAX_GRAPHS", 1)
    compute = CapturedComputation(_Doubled(computed))

    for side in (3, 4):
        for _ in range(3):
            compute([batch(1, 4, side, side)])

    assert computed == ["compute", "capture", "compute", "replay", "replay", "compute", "compute", "compute"]


def test_shapes_that_cannot_be_computed_are_not_captured(computed: list[str]) -> None:
    def fail(_batches: Sequence[Tensor]) -> list[Tensor]:
        raise RuntimeError("the image is too small")

    compute = CapturedComputation(fail)

    for _ in range(2):
        with pytest.raises(RuntimeError, match="too small"):
            compute([batch(1, 4, 2, 2)])
    assert computed == []


def test_without_memory_for_a_graph_kernels_are_launched(computed: list[str]) -> None:
    doubled = _Doubled(computed)

    def full(batches: Sequence[Tensor]) -> list[Tensor]:
        if computed[-1:] == ["capture"]:
            computed.append("fail")
            raise torch.OutOfMemoryError
        return doubled(batches)

    compute = CapturedComputation(full)
    results = [compute([batch(1, 4, 2, 2, value=value)])[0].tolist() for value in (1, 2, 3)]

    assert results == [[32], [64], [96]]
    assert computed == ["compute", "capture", "fail", "compute", "compute"]
