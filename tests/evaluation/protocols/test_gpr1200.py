"""GPR1200: categories by the number that a file name begins with; the query is one of its ten relevant images."""

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

ALL_NAMES = [f"images/{category}_n0{image}_x.jpg" for category in range(1200) for image in range(10)]
FIVE_NAMES = ["0_a.jpg", "0_b_c.jpg", "1_a.jpg", "1_b.jpg", "1_c.jpg"]


def load(collection: list[str] = FIVE_NAMES, listed: str | None = None, *, subset: bool = True) -> Benchmark:
    texts = {} if listed is None else {"names.txt": listed.encode()}
    return protocols.load("gpr1200", texts, collection=collection, subset=subset)


def test_every_image_is_a_query_for_its_category_and_for_itself() -> None:
    (queries,) = load().modes.values()
    assert [query.name for query in queries] == ["0_a", "0_b_c", "1_a", "1_b", "1_c"]
    assert [query.positives for query in queries[1:3]] == [{"0_a", "0_b_c"}, {"1_a", "1_b", "1_c"}]
    assert all(query.image == query.name and not query.junk and query.box is None for query in queries)


def test_the_complete_collection_has_1200_categories_of_ten() -> None:
    gpr1200 = load(ALL_NAMES, subset=False)
    (queries,) = gpr1200.modes.values()
    assert (gpr1200.size, len(queries), gpr1200.measures) == (12000, 12000, ("mAP@all",))
    assert {len(query.positives) for query in queries} == {10}
    assert load([], "\n".join(ALL_NAMES), subset=False) == gpr1200


def test_the_score_counts_the_query_as_in_the_published_evaluation() -> None:
    """The query is first, and the other two images of its category are third and fourth."""
    gpr1200 = load()
    (query,) = (query for query in gpr1200.modes["all"] if query.name == "1_a")
    ranks = {name: Rank.untied(rank) for rank, name in enumerate(["1_a", "0_a", "1_b", "1_c"])}
    assert gpr1200.score(query, ranks) == pytest.approx({"mAP@all": 100 * (1 + 2 / 3 + 3 / 4) / 3})


def test_an_incomplete_collection_is_refused_unless_a_subset_is_allowed() -> None:
    with pytest.raises(BenchmarkError, match=r"gpr1200 has 12000 images, but only 5 are here: .* --subset"):
        load(subset=False)


@pytest.mark.parametrize("name", ["a_1.jpg", "17.jpg", "-1_a.jpg", "_a.jpg"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BenchmarkError, match="is not an image of gpr1200"):
        load([*FIVE_NAMES, name])
