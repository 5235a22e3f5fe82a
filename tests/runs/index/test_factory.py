import re

import faiss
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.runs.index.factory import index_factory, sample_size


@given(images=st.integers(1, 1_000_000_000))
def test_there_are_enough_vectors_to_train_every_centroid_on(images: int) -> None:
    factory, sample = index_factory(images), sample_size(images)
    match = re.search(r"IVF(\d+)", factory)
    assert match
    assert sample <= images
    assert 39 * int(match[1]) <= max(39, sample)


@pytest.mark.parametrize("dimension", [1, 2, 3, 5, 64, 250, 348, 768])
@pytest.mark.parametrize("images", [1, 100, 20_000, 1_000_000])
def test_faiss_can_make_every_kind_of_index(images: int, dimension: int) -> None:
    index = faiss.index_factory(dimension, index_factory(images))
    assert index.d == dimension
    assert faiss.extract_index_ivf(index).metric_type == faiss.METRIC_L2


def test_large_collections_have_many_cells_and_short_codes() -> None:
    assert index_factory(100_000_000) == "IVF32768_HNSW32,RaBitQ"
    assert index_factory(19_999) == "IVF256,Flat"
