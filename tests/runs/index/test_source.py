from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osrmac.errors import StorageError
from osrmac.runs.index.source import IndexSource
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.prunable_run import copied, prunable_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 10 shards with an index in three parts; tests must not change it."""
    return prunable_run(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def run(whole: Run, tmp_path: Path) -> Run:
    return copied(whole, tmp_path)


def source_of(run: Run) -> IndexSource:
    return IndexSource.of(run, load_reductions(run)[0], "cosine")


def test_the_reduced_shards_are_listed_and_read(run: Run) -> None:
    source = source_of(run)
    assert (source.images, source.dimension, len(source.shards)) == (19, 2, 10)
    first = source.shards[0]
    vectors = shards.matrix(shards.read(source.folder / first.shard)["vector"].combine_chunks())
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(source.read(first), expected, rtol=1e-6)


def test_shards_that_are_missing_or_of_an_earlier_fit_are_left_out(run: Run) -> None:
    lost, *_ = source_of(run).shards
    (run.reduced("osrmac-pfa-2") / lost.shard).remove()
    assert lost not in source_of(run).shards
    refitted = replace(load_reductions(run)[0], seed=1)
    assert IndexSource.of(run, refitted, "l2").shards == ()


def test_a_shard_that_was_replaced_meanwhile_is_refused(run: Run) -> None:
    source = source_of(run)
    file = source.folder / source.shards[0].shard
    shards.replace(file, shards.read(file), generation=1)
    with pytest.raises(StorageError, match=r"was replaced while it was indexed: run the same command again"):
        source.read(source.shards[0])
