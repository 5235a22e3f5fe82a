"""Rates of streams that are known."""

import pytest

from benchmarks.device.clock import burst_rate, steady_rate


def test_a_steady_rate_leaves_the_start_out() -> None:
    slow_start = [(float(second), 1) for second in range(10)]
    steady = [(10 + 0.5 * number, 20) for number in range(100)]

    assert steady_rate([*slow_start, *steady]) == pytest.approx(40)


def test_the_rate_of_bursts_is_that_of_whole_bursts() -> None:
    moments = [burst + 0.001 * number for burst in range(8) for number in range(32)][20:-7]

    assert burst_rate(moments) == pytest.approx(32)


def test_a_single_long_pause_is_no_burst() -> None:
    moments = [0.1 * number + (5 if number >= 50 else 0) for number in range(101)]

    assert burst_rate(moments) == pytest.approx(100 / 15)
