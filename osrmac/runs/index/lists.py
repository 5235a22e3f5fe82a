"""The inverted lists of a part: the codes and keys of its images in each cell of the quantizer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from osrmac.runs.index.stored import to_keys
from osrmac.types import Matrix

__all__ = ["encode", "without_shards"]


def encode(quantizer: Any, shards: Iterable[tuple[int, Matrix]]) -> bytes:
    """Return the inverted lists of some shards, which depend on nothing but the arguments, as FAISS writes them.

    Args:
        quantizer: Trained `faiss.Index` without images; it has them afterwards.
        shards: Number of each shard in the index, and its vectors, (n, d), in order of the rows.
    """
    faiss.omp_set_num_threads(1)
    for number, vectors in shards:
        if len(vectors):
            quantizer.add_with_ids(vectors, to_keys(number, len(vectors)))
    return _to_bytes(faiss.extract_index_ivf(quantizer).invlists)


def without_shards(content: bytes, numbers: Collection[int]) -> bytes:
    """Return inverted lists without the images of some shards.

    Args:
        content: Result of `encode`.
        numbers: Numbers of the shards in the index.
    """
    reader = faiss.VectorIOReader()
    faiss.copy_array_to_vector(np.frombuffer(content, np.uint8), reader.data)
    lists = faiss.read_InvertedLists(reader)
    for number in numbers:
        first, end = int(to_keys(number, 1)[0]), int(to_keys(number + 1, 1)[0])
        direct_map = faiss.DirectMap()  # type: ignore[attr-defined]  # missing in its stubs
        direct_map.remove_ids(faiss.IDSelectorRange(first, end), lists)
    return _to_bytes(lists)


def _to_bytes(lists: Any) -> bytes:
    writer = faiss.VectorIOWriter()
    faiss.write_InvertedLists(lists, writer)
    content: NDArray[np.uint8] = faiss.vector_to_array(writer.data)
    return content.tobytes()
