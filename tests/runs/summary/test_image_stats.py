from collections import Counter
from pathlib import Path

import pyarrow as pa

from osrmac.runs.summary.image_stats import Sizes, planned_bytes, sizes
from osrmac.storage import manifest, schema
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run


def test_sizes_of_described_images_are_counted(tmp_path: Path) -> None:
    shapes = {"a": (640, 480), "b": (480, 640), "c": (50_000, 50_000)}
    vectors = {name: [1.0] for name in shapes}
    failed = {"broken.jpg": ("decode", "the file is empty")}
    found = sizes(tiny_run(tmp_path, {"single": vectors}, sizes=shapes, failed=failed))
    assert found.longest == Counter({640: 2, 50_000: 1})
    assert found.pixels == 2 * 640 * 480 + 50_000**2
    assert found.shapes == {"wide": 1, "tall": 1, "square": 1}


def test_half_of_the_images_do_not_exceed_the_median() -> None:
    assert Sizes(Counter({100: 1, 200: 1, 300: 2})).median == 200
    assert Sizes(Counter({100: 1, 200: 1, 300: 3})).median == 300
    assert Sizes().median == 0


def test_planned_files_are_summed_where_all_sizes_are_known(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"single": {"a": [1.0], "b": [1.0]}})
    assert planned_bytes(run) == 2000
    rows = [{"id": "c", "uri": "s3://bucket/c", "size": None}, *({"id": name, "uri": name} for name in "ab")]
    manifest.update(
        run.manifest, run.descriptors, [pa.Table.from_pylist(rows, schema=schema.COLLECTION)], manifest.shards_of(2)
    )
    assert planned_bytes(run) is None
    assert planned_bytes(Run(str(tmp_path / "nowhere"))) is None
