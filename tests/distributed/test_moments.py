from pathlib import Path

import numpy as np
import pyarrow as pa

from osrmac.distributed.moments import exact_moments
from osrmac.reduction.moments import Moments
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

SHARDS, ROWS, FEATURES = 82, 3, 4


def test_a_tree_of_several_levels_sums_what_is_in_all_shards(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(5, 1, (SHARDS, ROWS, FEATURES)).astype(np.float32)
    for number, rows in enumerate(values):
        columns = {
            "id": [f"{number:02d}-{row}" for row in range(ROWS)],
            "status": [schema.OK] * ROWS,
            "single": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), FEATURES),
        }
        shards.write(Location.of(tmp_path), pa.table(columns), f"part-{number:02d}.parquet")
    found = exact_moments(shards.paths(Location.of(tmp_path)), "single")
    expected = Moments.of(values.reshape(-1, FEATURES))
    assert found.count == SHARDS * ROWS
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-10)
