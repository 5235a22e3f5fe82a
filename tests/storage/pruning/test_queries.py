from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.pruning.queries import remove_queries
from osrmac.storage.run import Run
from tests.committed import rows
from tests.prunable_run import problems, prunable_run


@pytest.mark.parametrize("uri", ["as planned", "/moved/since/even/00.png"])
def test_queries_of_removed_images_are_removed_even_if_the_images_have_moved(uri: str, tmp_path: Path) -> None:
    run = prunable_run(tmp_path)
    if uri == "as planned":
        uri = rows(run.descriptors)["even/00.png"]["uri"]
    removed = pa.table({"id": ["even/00.png"], "uri": [uri], "shard": [""]})
    Journal(run.location).write([("part-00000.parquet", removed)], Facts(1, 1))
    remove_queries(Run(run.url, pruning=True), Journal(run.location))
    Journal(run.location).remove()
    assert rows(run.queries("oxford5k")).keys() == {"query_02"}
    assert problems(run) == []
