import io

import pytest
from PIL import Image
from starlette.testclient import TestClient

from osrmac.commands.prune import prune
from osrmac.config import PruneConfig
from osrmac.server import current_run
from osrmac.storage.run import Run
from tests.server.conftest import FAILED, HOSTILE, PLAIN, SIZE, Serve


def test_an_image_is_a_jpeg_that_browsers_keep_by_version(client: TestClient) -> None:
    answer = client.get("/picture", params={"id": HOSTILE, "size": "large"})
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", SIZE)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    kept = client.get("/picture", params={"id": HOSTILE, "version": "1"})
    assert kept.headers["cache-control"] == "private, max-age=604800, immutable"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, 410),
        ({"upload": "x"}, 410),
        ({"id": "gone.jpg"}, 404),
        ({"id": PLAIN[0], "size": "huge"}, 422),
        ({"id": FAILED}, 404),
    ],
)
def test_what_there_is_none_of(values: dict[str, str], status: int, client: TestClient) -> None:
    assert client.get("/picture", params=values).status_code == status


def test_a_removed_image_is_never_shown_again(serve: Serve, own: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_run, "_CHECK_SECONDS", 0)
    monkeypatch.setattr("os.fsync", lambda _: None)
    client, values = serve(own), {"id": PLAIN[3], "version": "1"}
    assert client.get("/picture", params=values).status_code == 200
    (Run(own.record()["images"]).location / PLAIN[3]).remove()
    prune(own.url, PruneConfig(yes=True))
    assert client.get("/picture", params=values).status_code == 404
    assert client.get("/search", params=values).status_code == 422
    for path in ("/", "/images", f"/search?id={PLAIN[4]}", f"/api/search?id={PLAIN[4]}&top=100", "/api/images"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert PLAIN[3] not in answer.text
