"""INRIA Holidays: groups by hundreds, with the first image of each as the query."""

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.types import Rank

ALL_NAMES = [f"{group}{member:02d}.jpg" for group in range(1000, 1500) for member in range(3 if group < 1491 else 2)]
FIVE_NAMES = ["jpg/100001.jpg", "jpg/100000.jpg", "jpg/100100.jpg", "jpg/100101.jpg", "jpg/100102.jpg"]


def load(ground_truth: str | None = None, collection: list[str] = FIVE_NAMES, *, subset: bool = True) -> Benchmark:
    texts = {} if ground_truth is None else {"names.dat": ground_truth.encode()}
    return protocols.load("holidays", texts, collection=collection, subset=subset)


def query(first: str, *others: str) -> Query:
    return Query(first, first, positives=frozenset(others), junk=frozenset([first]))


def test_numbers_ending_in_00_are_queries_for_the_rest_of_their_hundred() -> None:
    assert load().modes == {"first": (query("100000", "100001"), query("100100", "100101", "100102"))}


def test_the_complete_collection_has_1491_images_in_500_groups() -> None:
    holidays = load(collection=ALL_NAMES, subset=False)

    assert (len(ALL_NAMES), len(holidays.modes["first"])) == (1491, 500)
    assert (holidays.size, len(holidays.images), holidays.measures) == (1491, 1491, ("mAP",))


def test_a_list_of_names_replaces_the_collection() -> None:
    holidays = load("\n".join(ALL_NAMES), subset=False)

    assert len(holidays.modes["first"]) == 500
    with pytest.raises(BenchmarkError, match=r"1486 of the 1491 images .* first '100002'"):
        holidays.on(["100000", "100001", "100100", "100101", "100102"], subset=False)


def test_an_incomplete_collection_is_refused_unless_a_subset_is_allowed() -> None:
    for list_of_names in (None, "100000.jpg 100001.jpg"):
        with pytest.raises(BenchmarkError, match=r"holidays has 1491 images, but only [25] are here: .* --subset"):
            load(list_of_names, subset=False)


def test_repeated_names_count_once() -> None:
    assert load(collection=FIVE_NAMES * 300) == load()
    with pytest.raises(BenchmarkError, match="only 5 are here"):
        load(collection=FIVE_NAMES * 300, subset=False)


def test_groups_of_one_image_or_without_their_first_image_have_no_query() -> None:
    holidays = load(collection=["100000.jpg", "100101.jpg", "100102.jpg", "100200.jpg", "100201.jpg"])

    assert holidays.modes["first"] == (query("100200", "100201"),)


def test_the_query_is_removed_from_its_own_ranking() -> None:
    holidays = load()
    _, second_query = holidays.modes["first"]

    # Without the query, the relevant images are first and third.
    for ranking in (["100100", "100101", "100000", "100102"], ["100101", "100000", "100100", "100102"]):
        ranks = {image: Rank.untied(rank) for rank, image in enumerate(ranking)}
        assert holidays.score(second_query, ranks)["mAP"] == pytest.approx(100 * (1 + (1 / 2 + 2 / 3) / 2) / 2)


@pytest.mark.parametrize("name", ["tower.jpg", "10000a.jpg", "two\nlines.jpg", "-100000.jpg"])
def test_a_name_that_is_not_a_number_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(BenchmarkError, match="is not an image of holidays") as caught:
        load(collection=[*FIVE_NAMES, name])

    assert "\n" not in str(caught.value)
