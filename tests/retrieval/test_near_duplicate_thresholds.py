import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import lognorm

from osrmac.retrieval.near_duplicate_thresholds import DistanceHistogram, agreement_threshold, reach

EDITS = np.linspace(0.7, 1, 101, dtype=np.float32)
NONE = np.empty(0, np.float32)


def test_all_edited_pictures_are_within_reach() -> None:
    assert reach(np.array([1, 5, 3], np.float32)) == 5


def test_without_similar_neighbours_nearly_all_edits_count_as_copies() -> None:
    threshold, precision = agreement_threshold(EDITS, NONE, 100, 0.99)
    assert threshold == pytest.approx(float(EDITS[2]))
    assert precision > 0.99
    assert (threshold <= EDITS).mean() >= 0.98


def test_errors_fall_exponentially_with_the_agreement() -> None:
    # 40 neighbours of 100 images agree by 0.2 to 0.4, and 9 by 0.4 to 0.6: about a quarter as many with each 0.2. That
    # thirty agree entirely is because they are copies.
    others = np.concatenate([np.full(40, 0.3), np.full(9, 0.5), np.full(30, 1.0)]).astype(np.float32)
    fall = 9.5 / 41
    threshold, precision = agreement_threshold(EDITS, others, 100, 0.99)

    def expected(at: float) -> float:
        found = (at <= EDITS).mean()
        return float(found / (found + 49 / (1 - fall**2) * fall ** ((at - 0.2) / 0.2) / 100))

    assert 0.72 < threshold < 0.9
    assert precision == pytest.approx(expected(threshold))
    assert precision >= 0.99 > expected(threshold - 0.004)


def test_no_more_errors_are_expected_than_there_are_neighbours() -> None:
    # These agree so evenly that the extrapolation expects many to agree entirely, which none of them does.
    others = np.linspace(0.2, 0.8, 31, dtype=np.float32)
    threshold, precision = agreement_threshold(EDITS, others, 100, 0.99)
    assert threshold == pytest.approx(0.8, abs=0.01)
    assert precision == pytest.approx(0.67 / (0.67 + 0.5 / 100), abs=0.002)


def test_the_highest_precision_is_chosen_if_none_suffices() -> None:
    others = np.full(50, 0.99, np.float32)
    others[:20] = 0.3
    others[20:40] = 0.5
    threshold, precision = agreement_threshold(EDITS, others, 50, 0.999)
    assert precision < 0.999
    assert agreement_threshold(EDITS, others, 50, precision)[0] == threshold


@given(st.lists(st.floats(0, 1, width=32), max_size=50), st.floats(0.5, 0.99), st.floats(0.001, 0.009))
def test_a_higher_precision_is_never_estimated_lower(others: list[float], share: float, more: float) -> None:
    near = np.array(others, np.float32)
    (low, _), (high, precision) = (agreement_threshold(EDITS, near, 100, least) for least in (share, share + more))
    assert 0 <= precision <= 1
    assert low <= high or precision < share + more


def histogram(scenes: int, shots: int) -> DistanceHistogram:
    """Distances of different scenes, log-normal, and of shots of the same scene."""
    apart = lognorm.rvs(0.15, scale=1.0, size=scenes, random_state=0)
    near = np.random.default_rng(1).uniform(0.05, 0.3, shots)
    found = DistanceHistogram(1.0)
    found.add(np.concatenate([apart, near]).astype(np.float32))
    return found


@pytest.mark.parametrize("images", [100, 1000, 100_000])
def test_the_threshold_of_scenes_is_where_few_different_ones_are_expected(images: int) -> None:
    pairs = 200_000
    shots = 10 * pairs // images  # ten of each scene
    found = histogram(pairs, shots)
    threshold = found.scene_threshold(images, 0.99)
    assert threshold >= 0.29
    assert pairs * lognorm.cdf(threshold, 0.15) <= 0.02 * shots
    assert found.scene_threshold(images, 0.9) >= threshold


@pytest.mark.parametrize("images", [100, 1000])
def test_the_even_threshold_is_where_right_and_wrong_pairs_are_equally_dense(images: int) -> None:
    rng = np.random.default_rng(0)
    apart, near = rng.lognormal(0, 0.15, 200_000), rng.lognormal(-0.5, 0.15, 20_000_000 // (100 * images))
    found = DistanceHistogram(1.0)
    found.add(np.concatenate([apart, near]).astype(np.float32))
    densities = len(near) * lognorm.pdf(found.edges, 0.15, scale=np.exp(-0.5)), 200_000 * lognorm.pdf(found.edges, 0.15)
    crossing = found.edges[np.flatnonzero(densities[0] > densities[1])[-1]]
    assert found.even_threshold(images) == pytest.approx(crossing, rel=0.05)


def test_the_even_threshold_does_not_cross_a_gap() -> None:
    assert 0.29 < histogram(200_000, 20_000).even_threshold(100) < 0.5
    assert DistanceHistogram(1.0).even_threshold(0) == 0


def test_without_shots_of_one_scene_there_is_no_threshold() -> None:
    assert histogram(200_000, 0).scene_threshold(1000, 0.99) < 0.5
    assert DistanceHistogram(1.0).scene_threshold(0, 0.99) == 0


def test_distances_out_of_range_are_counted() -> None:
    found = DistanceHistogram(1.0)
    found.add(np.array([[0, 1], [2, 1000]], np.float32))
    assert found.counts.sum() == 4
    assert (found.counts[0], found.counts[-1]) == (1, 1)
    restored = DistanceHistogram(1.0, found.counts)
    np.testing.assert_array_equal(restored.counts, found.counts)
