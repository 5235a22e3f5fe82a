import csv
import io
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from osrmac.storage.run import Run
from tests.server.conftest import HOSTILE, PLAIN, Serve


def test_a_table_has_all_results_with_the_own_columns(serve: Serve, written: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"id,title\n{PLAIN[1]},=1+1\n{PLAIN[2]},plain\n")
    client = serve(written, columns=str(tmp_path / "own.csv"))
    answer = client.get("/search.csv", params={"id": HOSTILE})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="search.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 29
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 30)]
    titles = {row["id"]: row["title"] for row in rows}
    assert (titles[PLAIN[1]], titles[PLAIN[2]], titles[PLAIN[3]]) == ("'=1+1", "plain", "")


def test_a_table_of_excel(client: TestClient) -> None:
    answer = client.get("/search.xlsx", params={"id": PLAIN[0]})
    assert answer.content.startswith(b"PK")


@pytest.mark.parametrize(
    ("path", "status"), [("/search.csv", 422), ("/search.csv?id=x", 422), ("/search.exe?id=x", 404)]
)
def test_what_cannot_be_downloaded(path: str, status: int, client: TestClient) -> None:
    assert client.get(path).status_code == status
