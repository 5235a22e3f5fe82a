import pytest
from starlette.testclient import TestClient

from osrmac.errors import OsrmacError, PruningError, StorageError
from osrmac.server.search import BusyError
from osrmac.storage.run import Run
from tests.server.conftest import PLAIN, Serve, site_of


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (BusyError(), 503, "Too many searches wait"),
        (PruningError("is being pruned"), 503, "Images are being removed"),
        (StorageError("pruned.jpg is gone <b>"), 422, "pruned.jpg is gone"),
        (OsrmacError("https://me:secret@host/a is gone"), 422, "host/a is gone"),
    ],
)
def test_a_failure_is_a_page_for_people_and_json_for_programs(
    error: Exception, status: int, text: str, serve: Serve, written: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(written)

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(site_of(client).searcher, "results", fail)
    for path in ("/search", "/api/search"):
        answer = client.get(path, params={"id": PLAIN[0]})
        assert answer.status_code == status
        assert ("retry-after" in answer.headers) == (status == 503)
        assert text in (answer.text if path == "/search" else answer.json()["error"])
        assert "secret" not in answer.text
        assert path != "/search" or "<b>" not in answer.text


def test_an_expired_upload_says_so(client: TestClient) -> None:
    answer = client.get("/search?upload=gone")
    assert (answer.status_code, "This upload has expired" in answer.text) == (410, True)
    assert client.get("/api/search?upload=gone").status_code == 410
