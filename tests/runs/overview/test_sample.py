import hashlib
from pathlib import Path

import numpy as np
import pytest

from osrmac.errors import StorageError
from osrmac.runs.methods import choose_method
from osrmac.runs.overview.sample import draw, read_sample
from osrmac.storage import shards
from tests.tiny_run import tiny_run

VECTORS = {f"{number:02d}": np.full(3, number) for number in range(20)}


def test_the_sample_is_that_of_the_smallest_hashes_in_any_shards(tmp_path: Path) -> None:
    hashes = {name: hashlib.blake2b(name.encode(), digest_size=8).digest() for name in VECTORS}
    expected = sorted(sorted(VECTORS, key=lambda name: hashes[name])[:7])
    for rows in (1, 6):
        run = tiny_run(tmp_path / str(rows), {"osrmac": VECTORS}, failed={"99": ("decode", "no")}, rows_per_shard=rows)
        within = shards.paths(run.descriptors)
        assert draw(within, 7) == (expected, 20)
        assert draw(within, 100) == (sorted(VECTORS), 20)
        vectors = read_sample(run, choose_method(run, None), within, expected)
        assert vectors.tolist() == [[float(name)] * 3 for name in expected]


def test_an_image_that_is_gone_is_an_error(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"osrmac": VECTORS})
    with pytest.raises(StorageError, match="have changed while it was read"):
        read_sample(run, choose_method(run, None), shards.paths(run.descriptors), ["03", "gone"])
