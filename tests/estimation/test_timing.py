from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.estimation.timing import SampleTimes, Speed, sample_shards
from osrmac.stopwatch import Durations

SAMPLE = SampleTimes(images=6, shards=2, workers=2, seconds=30.0, busy=20.0, steady=Durations.of([2.0, 3.0, 4.0, 3.0]))
"""Two workers of 10 s each, of which 18 s are for images of 3 s, and 2 s for the two shards; 20 s are the start."""


def test_the_start_the_images_and_the_shards_are_told_apart() -> None:
    speed = Speed.of(SAMPLE, workers=2)
    assert (speed.start, speed.image, speed.shard) == (20.0, 3.0, 1.0)


def test_the_time_of_a_collection_is_the_start_and_the_work_divided_among_the_workers() -> None:
    speed = Speed.of(SAMPLE, workers=2)
    assert speed.seconds(100, 10) == 20 + (300 + 10) / 2
    assert speed.seconds(100, 1) == 20 + 300 + 1  # the only shard keeps one worker busy
    assert speed.seconds(6, 2) == SAMPLE.seconds


def test_the_margin_is_a_confidence_interval_of_the_mean() -> None:
    speed = Speed.of(SAMPLE, workers=2)
    # Standard deviation sqrt(2/3), four images: Student's t of three degrees of freedom is 3.182.
    half = 3.182 * (2 / 3 / 4) ** 0.5
    assert speed.margin(600, 10) == pytest.approx(600 * half / 2 * (1 - 6 / 600) ** 0.5, rel=1e-3)


def test_a_sample_of_all_images_has_no_margin() -> None:
    assert Speed.of(SAMPLE, workers=2).margin(6, 2) == 0


@pytest.mark.parametrize("times", [[], [2.0]])
def test_too_few_images_have_an_unknown_margin(times: list[float]) -> None:
    speed = Speed.of(replace(SAMPLE, steady=Durations.of(times)), workers=2)
    assert speed.margin(100, 10) is None


def test_without_timed_images_the_mean_of_all_work_counts() -> None:
    speed = Speed.of(replace(SAMPLE, steady=Durations()), workers=2)
    assert (speed.image, speed.shard) == (20 / 6, 0.0)


def test_workers_that_did_not_take_part_do_not_count_as_busy() -> None:
    assert Speed.of(replace(SAMPLE, workers=1), workers=2).start == 10


@given(
    st.lists(st.floats(0.01, 10), min_size=2, max_size=20), st.integers(1, 10**9), st.integers(1, 64), st.floats(0, 99)
)
def test_more_images_take_longer_and_more_workers_do_not(
    times: list[float], images: int, workers: int, start: float
) -> None:
    busy = sum(times) * 1.1
    sample = SampleTimes(len(times), 1, 1, start + busy, busy, Durations.of(times))
    speed = Speed.of(sample, workers)
    assert speed.seconds(images, 1000) < speed.seconds(2 * images, 1000)
    assert replace(speed, workers=workers + 1).seconds(images, 1000) <= speed.seconds(images, 1000)


@given(st.integers(1, 10_000), st.integers(1, 500))
def test_shards_of_a_sample_have_several_images_and_all_workers_some(images: int, workers: int) -> None:
    number = sample_shards(images, workers)
    assert 1 <= number <= max(1, images // 3)
    assert number == 2 * workers or number == max(1, images // 3)
