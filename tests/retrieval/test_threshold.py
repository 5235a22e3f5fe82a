import numpy as np
import pytest

from osrmac.retrieval.threshold import suggest


def test_the_valley_between_copies_and_likenesses_is_found() -> None:
    nearest = np.array([2.4, 3.2, 4.5, 5.0, 5.5, 8.2, 8.4, 11, 12, 15, 20], np.float32)
    assert suggest(nearest, 25.5, "l1") == pytest.approx(np.sqrt(5.5 * 8.2))


def test_without_copies_it_is_about_a_quarter_of_the_median() -> None:
    assert suggest(np.array([11, 12, 20], np.float32), 24, "l1") == pytest.approx(np.sqrt(4 * 8))
    assert suggest(np.array([], np.float32), 24, "l2") == pytest.approx(np.sqrt(4 * 8))


def test_it_never_leaves_its_range() -> None:
    crowded = np.geomspace(0.01, 100, 1000, dtype=np.float32)
    assert 4 < suggest(crowded, 24, "l1") < 8


def test_cosine_distances_are_compared_by_their_roots() -> None:
    nearest = np.array([2.4, 3.2, 4.5, 5.0, 5.5, 8.2, 8.4], np.float32)
    assert suggest(nearest**2, 25.5**2, "cosine") == pytest.approx(5.5 * 8.2)


def test_where_most_images_are_the_same_only_the_same_ones_are_near() -> None:
    assert suggest(np.zeros(5, np.float32), 0.0, "l1") == 0
