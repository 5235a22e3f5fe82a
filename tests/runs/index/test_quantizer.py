import faiss
import numpy as np
import pytest

from osrmac.runs.index.quantizer import indexed_vectors, load_quantizer, train_quantizer
from osrmac.types import Matrix


def vectors(number: int, dimension: int) -> Matrix:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, dimension))
    return (centres[rng.integers(0, 20, number)] + 0.2 * rng.normal(size=(number, dimension))).astype(np.float32)


@pytest.mark.parametrize("factory", ["IVF8,Flat", "IVF4_HNSW32,RaBitQ"])
def test_an_index_is_trained_without_images_and_finds_those_that_are_added(factory: str) -> None:
    known = vectors(300, 5)
    content = train_quantizer(known, factory, threads=1)
    assert content == train_quantizer(known, factory, threads=1)
    index = load_quantizer(content)
    assert (index.d, index.ntotal, index.is_trained) == (5, 0, True)
    index.add(known)
    faiss.extract_index_ivf(index).nprobe = 3
    _, found = index.search(known[:50], 10)
    assert np.mean([row in nearest for row, nearest in enumerate(found)]) > 0.9


def test_a_single_image_can_be_indexed_without_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    content = train_quantizer(vectors(1, 3), "IVF1,Flat", threads=1)
    assert load_quantizer(content).is_trained
    assert capfd.readouterr() == ("", "")


def test_vectors_have_unit_length_where_cosines_are_compared() -> None:
    given = np.array([[3, 4], [0, 0]], np.float32)
    assert indexed_vectors(given, "cosine").tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
    assert indexed_vectors(given, "l2") is given
