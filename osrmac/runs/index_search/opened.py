"""An index whose files are mapped into memory, and searched for the images that may be nearest to queries."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from osrmac.errors import reason
from osrmac.runs.index.quantizer import indexed_vectors
from osrmac.runs.index.stored import StoredIndex
from osrmac.runs.index_search.local_files import local_file
from osrmac.storage.damage import damaged
from osrmac.storage.location import Location
from osrmac.types import Matrix

__all__ = ["OpenIndex"]

_PROBES = 1 / 32
"""Share of the cells that are searched."""

_FEWEST_PROBES = 128


class OpenIndex:
    """An index that is open. The codes of its images stay on disk. May be used by several threads.

    Args:
        folder: Folder of the index.
        stored: What it consists of.

    Raises:
        FileNotFoundError: A file is not there, as the index has been built again meanwhile.
        DamagedFileError: A file does not hold what was written.
    """

    def __init__(self, folder: Location, stored: StoredIndex) -> None:
        self.stored = stored
        self._index = _read_quantizer(folder / stored.quantizer, stored.quantizer_digest)
        self._parts = [_read_lists(folder / part.file, part.digest) for part in stored.parts]
        ivf = faiss.extract_index_ivf(self._index)
        if self._parts:
            pointers = faiss.InvertedListsPtrVector()  # type: ignore[attr-defined]  # missing in its stubs
            for lists in self._parts:
                pointers.push_back(lists)
            self._lists = faiss.HStackInvertedLists(pointers.size(), pointers.data())
            ivf.replace_invlists(self._lists, False)
        ivf.ntotal = self._index.ntotal = stored.images
        ivf.nprobe = min(ivf.nlist, max(_FEWEST_PROBES, round(_PROBES * ivf.nlist)))
        quantizer = faiss.downcast_index(ivf.quantizer)
        if isinstance(quantizer, faiss.IndexHNSW):
            quantizer.hnsw.efSearch = 4 * ivf.nprobe

    def search(self, queries: Matrix, number: int) -> NDArray[np.int64]:
        """Return the keys of the images that are nearest to each query by their codes, nearest first, (m, number).

        Args:
            queries: Vectors, (m, k).
            number: Number of keys; those that are not found are -1.
        """
        keys: NDArray[np.int64] = self._index.search(indexed_vectors(queries, self.stored.space), number)[1]
        return keys


def _read_quantizer(file: Location, digest: str) -> Any:
    path = local_file(file, digest)
    try:
        # The table would take longer to compute than it saves, and more memory than the index.
        return faiss.read_index(str(path), faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE)
    except RuntimeError as error:
        raise damaged(file.url, reason(error)) from error


def _read_lists(file: Location, digest: str) -> Any:
    path = local_file(file, digest)
    try:
        lists: Any = faiss.read_InvertedLists(faiss.FileIOReader(str(path)), faiss.IO_FLAG_MMAP)
    except RuntimeError as error:
        raise damaged(file.url, reason(error)) from error
    lists.prefetch_nthread = 0  # otherwise each search starts threads for each part
    return lists
