from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.errors import StorageError
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.pruning.journal import Facts, Journal, require_unpruned

ROWS = pa.table({"id": ["a.jpg"], "uri": ["/photos/a.jpg"], "shard": ["part-1.parquet"]})
FACTS = Facts(1, 3, {"oxford5k": "1, last on 2026-05-01"}, report=True)


def test_a_journal_holds_what_was_written_until_it_is_removed(folder: Location) -> None:
    journal = Journal(folder)
    assert journal.facts() is None
    journal.write([("part-00000.parquet", ROWS)], FACTS)
    assert journal.facts() == FACTS
    assert [(name, rows.to_pylist()) for name, rows in journal.parts()] == [("part-00000.parquet", ROWS.to_pylist())]
    journal.remove()
    assert journal.facts() is None
    assert list(journal.parts()) == []


def test_rows_of_a_prune_that_had_not_begun_are_removed(folder: Location) -> None:
    journal = Journal(folder)

    def killed() -> object:
        yield "part-00007.parquet", ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal.write(killed(), FACTS)  # type: ignore[arg-type]
    require_unpruned(folder)
    journal.write([("part-00000.parquet", ROWS)], FACTS)
    assert [name for name, _ in journal.parts()] == ["part-00000.parquet"]


def test_a_run_whose_prune_has_begun_is_refused_to_all_but_the_prune(tmp_path: Path) -> None:
    folder = Location.of(tmp_path)
    Journal(folder).write([], FACTS)
    message = f"^{folder} is being pruned, or a prune was interrupted: osrmac prune {folder} --yes finishes"
    with pytest.raises(StorageError, match=message):
        require_unpruned(folder)
    with pytest.raises(StorageError, match=message), locked(folder, Part.REPORT):
        pass
    assert not folder.files("lock-report.json")
    with locked(folder, Part.REPORT, pruning=True):
        pass
