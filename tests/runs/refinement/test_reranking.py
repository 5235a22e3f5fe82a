"""Re-ranking of scans, which blocks and parts of queries must not change."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from osrmac.config import RefinementConfig
from osrmac.retrieval.reranking import superglobal
from osrmac.runs.refinement import expansion
from osrmac.runs.refinement.reranking import query_parts, ranked, reranked
from osrmac.runs.scan import Scan
from osrmac.runs.searcher import nearest_of
from osrmac.runs.shard_reader import Block
from osrmac.types import Matrix

IDS = [f"{number:02d}" for number in range(20)]


def vectors(seed: int, rows: int = 20) -> Matrix:
    return np.random.default_rng(seed).random((rows, 6)).astype(np.float32)


def scanned(per_recipe: Sequence[Matrix], block_rows: int = 20) -> Scan:
    """A scan of these vectors in blocks of a given size."""
    starts = range(0, len(per_recipe[0]), block_rows)
    blocks = [
        Block(IDS[start : start + block_rows], tuple(values[start : start + block_rows] for values in per_recipe))
        for start in starts
    ]
    return Scan(lambda: blocks, "l1")


def options(**values: Any) -> RefinementConfig:
    return RefinementConfig(rerank="superglobal", **values)


@pytest.mark.parametrize("block_rows", [20, 7])
@pytest.mark.parametrize("top", [1, 8, 19, 20, 400])
def test_the_nearest_images_are_re_ranked_and_the_others_follow(block_rows: int, top: int) -> None:
    images, queries = vectors(0), vectors(1, 3)
    found = ranked(scanned([images], block_rows), [queries], 20, options(rerank_top=top, rerank_neighbours=3))
    for query, matches in zip(queries, found, strict=True):
        distances = np.abs(images - query).sum(axis=1)
        order = np.argsort(distances, kind="stable")
        scores = superglobal(query, images[order[:top]], 3, 0.15)
        expected = [*order[:top][np.argsort(-scores, kind="stable")], *order[top:]]
        assert [match.id for match in matches] == [IDS[row] for row in expected]
        assert [match.rank for match in matches] == list(range(1, 21))
        np.testing.assert_allclose([match.distance for match in matches], distances[expected], rtol=1e-6)
        assert [match.score for match in matches[:top]] == pytest.approx(sorted(scores, reverse=True))
        assert {match.score for match in matches[top:]} <= {None}
        assert not any(match.tied for match in matches)


def test_more_images_are_re_ranked_than_are_returned() -> None:
    images, queries = scanned([vectors(0)]), [vectors(1, 3)]
    expected = ranked(images, queries, 20, options(rerank_top=15))
    assert ranked(images, queries, 4, options(rerank_top=15)) == [matches[:4] for matches in expected]


def test_of_several_recipes_the_highest_score_counts() -> None:
    images, queries = [vectors(0), vectors(1)], [vectors(2, 3), vectors(3, 3)]
    found = ranked(scanned(images, 7), queries, 20, options(rerank_top=8))
    distances = np.minimum(*(np.abs(q[:, None] - x).sum(axis=2) for q, x in zip(queries, images, strict=True)))
    for number, matches in enumerate(found):
        first = np.argsort(distances[number], kind="stable")[:8]
        pairs = zip(queries, images, strict=True)
        scores = np.maximum(*(superglobal(q[number], x[first], 9, 0.15) for q, x in pairs))
        assert {match.id: match.score for match in matches[:8]} == pytest.approx(
            {IDS[row]: score for row, score in zip(first, scores, strict=True)}
        )


def test_without_re_ranking_distances_decide() -> None:
    images, queries = scanned([vectors(0)]), [vectors(1, 3)]
    assert ranked(images, queries, 5, RefinementConfig()) == images.nearest(queries, 5)


def test_parts_of_the_queries_do_not_change_the_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    images, queries = scanned([vectors(0)], 7), [vectors(1, 5)]
    expected = ranked(images, queries, 9, options(rerank_top=8))
    assert query_parts(queries, options(rerank_top=8)) == [slice(0, 250_000_000 // (8 * 6 * 4))]
    monkeypatch.setattr(expansion, "_GATHERED", 2 * 8 * 6 * 4)
    assert query_parts(queries, options(rerank_top=8)) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert query_parts(queries, RefinementConfig()) == [slice(0, 5)]
    assert ranked(images, queries, 9, options(rerank_top=8)) == expected


def test_names_do_not_decide_which_of_tied_images_are_re_ranked() -> None:
    images = np.concatenate([vectors(0, 3), np.repeat(vectors(1, 1), 17, axis=0)])
    (matches,) = ranked(scanned([images]), [images[:1]], 20, options(rerank_top=10))
    scored = {match.id for match in matches if match.score is not None}
    nearer = np.abs(images[:3] - images[0]).sum(axis=1) < np.abs(images[5] - images[0]).sum()
    assert scored == {IDS[row] for row in np.flatnonzero(nearer)}
    assert all(match.tied for match in matches if match.id > "02")
    (all_tied,) = ranked(scanned([np.repeat(images[:1], 20, axis=0)]), [images[:1]], 20, options(rerank_top=10))
    assert [(match.id, match.score, match.tied) for match in all_tied] == [(image, None, True) for image in IDS]


def test_copies_are_tied_by_their_score() -> None:
    images = vectors(0)
    images[[4, 9, 17]] = images[4]
    (matches,) = ranked(scanned([images], 7), [vectors(1, 1)], 20, options())
    tied = [match for match in matches if match.tied]
    assert [match.id for match in tied] == ["04", "09", "17"]
    assert len({match.score for match in tied}) == 1
    assert tied[2].rank == tied[0].rank + 2


@pytest.mark.parametrize("block_rows", [20, 7])
def test_a_re_ranked_comparison_has_the_same_ranking(block_rows: int) -> None:
    images, queries = scanned([vectors(0), vectors(1)], block_rows), [vectors(2, 3), vectors(3, 3)]
    found = reranked(images, queries, images.compare(queries), options(rerank_top=8))
    expected = ranked(images, queries, 20, options(rerank_top=8))
    assert [[m.id for m in matches] for matches in nearest_of(found, 3, 20)] == [
        [m.id for m in row] for row in expected
    ]
