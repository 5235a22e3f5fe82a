"""Shares of kernels, against intervals whose union is known."""

import numpy as np
import pytest
import torch

from benchmarks.device import profiling
from benchmarks.device.profiling import kernels


@pytest.mark.parametrize(
    ("intervals", "share"),
    [
        ([(0, 10)], 1.0),
        ([(0, 2), (5, 8)], 0.5),
        ([(5, 8), (0, 2)], 0.5),
        ([(0, 6), (1, 2), (4, 8)], 0.8),
        ([(-5, 1), (9, 20)], 0.2),
        ([(11, 12), (-3, -1)], 0.0),
        ([], 0.0),
    ],
)
def test_time_is_covered_once_where_kernels_overlap(intervals: list[tuple[float, float]], share: float) -> None:
    found = np.array(intervals, float).reshape(-1, 2)

    assert profiling._covered(found, (0.0, 10.0)) == pytest.approx(share)


def test_largest_kernels_have_their_share_of_the_time() -> None:
    events = [{"name": name, "dur": duration} for name, duration in (("a", 1), ("b", 6), ("a", 2), ("c", 1))]

    assert profiling._largest(events) == {"b": 0.6, "a": 0.3, "c": 0.1}


def test_kernels_of_work_are_found() -> None:
    square = torch.rand(256, 256)
    shares = kernels(lambda: [square @ square for _ in range(50)], "cpu")

    assert isinstance(shares["busy"], float)
    assert 0 < shares["busy"] <= 1
    assert "aten::mm" in shares["largest kernels"]  # type: ignore[operator]
