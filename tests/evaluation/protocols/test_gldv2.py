"""Google Landmarks v2: the published CSV, with queries outside the index."""

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

CSV = """id,images,Usage
00016575233bc956,44c02c3b1f0a7d11 5ad7c1f0e1aa3f02,Private
0001ce7fd4b0b9d1,None,Ignored
000506dc6ab3a40e,44c02c3b1f0a7d11,Public
"""


def load(text: str = CSV) -> Benchmark:
    return protocols.load("gldv2", {"retrieval_solution_v2.1.csv": text.encode()}, collection=(), subset=False)


def test_queries_are_public_or_private_and_outside_the_index() -> None:
    gldv2 = load()
    assert {
        mode: [(query.name, set(query.positives)) for query in queries] for mode, queries in gldv2.modes.items()
    } == {
        "public": [("000506dc6ab3a40e", {"44c02c3b1f0a7d11"})],
        "private": [("00016575233bc956", {"44c02c3b1f0a7d11", "5ad7c1f0e1aa3f02"})],
    }
    assert gldv2.outside == {"00016575233bc956", "0001ce7fd4b0b9d1", "000506dc6ab3a40e"}
    assert (gldv2.measures, gldv2.size) == (("mAP@100",), 761757)
    assert gldv2.naming("index/4/4/c/44c02c3b1f0a7d11.jpg") == "44c02c3b1f0a7d11"


def test_relevant_images_beyond_rank_100_do_not_count() -> None:
    """One of two relevant images is second; the other is at rank 101."""
    gldv2 = load()
    ranks = {"44c02c3b1f0a7d11": Rank.untied(1), "5ad7c1f0e1aa3f02": Rank.untied(100)}
    assert gldv2.score(gldv2.modes["private"][0], ranks) == {"mAP@100": 100 * (1 / 2) / 2}


def test_a_mode_without_queries_is_left_out() -> None:
    assert list(load("id,images,Usage\na,b,Private\nc,None,Public\n").modes) == ["private"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,images\na,b\n", "must have the columns id, images, Usage"),
        ("id,images,Usage\na,b,Secret\n", "line 2: expected a new id"),
        ("id,images,Usage\na,b,Public\na,c,Public\n", "line 3: expected a new id"),
        ("id,images,Usage\n,b,Public\n", "line 2: expected a new id"),
        ("id,images,Usage\na,b,Public,c\n", "line 2: expected a new id"),
        ("id,images,Usage\na,None,Public\n", "has no query with a relevant image"),
        ("id,images,Usage\na,b,Public\nb,c,Public\n", "'b' is both a query and an index image"),
        ('id,images,Usage\na,"b\n', "after line 1: unexpected end of data"),
    ],
)
def test_malformed_files_are_named(text: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"^retrieval_solution_v2\.1\.csv.*{message}"):
        load(text)


def test_several_files_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="gldv2 needs one CSV"):
        protocols.load("gldv2", {"a.txt": CSV.encode(), "b.txt": b""}, collection=(), subset=False)
