"""Pinned memory, here without a GPU, which could pin it."""

import pytest
import torch

from osrmac.descriptor.pinned_buffers import PinnedBuffers


@pytest.fixture
def allocated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Allocate memory that is not pinned; return the log of the sizes."""
    sizes: list[int] = []

    def allocate(size: int) -> torch.Tensor:
        sizes.append(size)
        return torch.empty(size, dtype=torch.uint8)

    monkeypatch.setattr("osrmac.descriptor.pinned_buffers._allocate", allocate)
    return sizes


def test_buffers_that_were_given_back_are_used_again(allocated: list[int]) -> None:
    buffers = PinnedBuffers()
    first, second = buffers.take(1000), buffers.take(1024)
    assert first.data_ptr() != second.data_ptr()

    buffers.give_back(first)
    again, other = buffers.take(600), buffers.take(1025)

    assert again.data_ptr() == first.data_ptr()
    assert (len(again), len(other)) == (1024, 2048)
    assert allocated == [1024, 1024, 2048]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_a_buffer_is_long_enough(allocated: list[int], length: int) -> None:
    assert length <= len(PinnedBuffers().take(length)) < 2 * length + 1
    assert len(allocated) == 1
