"""Answers of the API, against its own description."""

from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from osrmac import api
from osrmac.storage.run import Run
from tests.server.conftest import HOSTILE, IDS, PLAIN, Serve


def checked(client: TestClient, path: str, schema: str, **values: Any) -> dict[str, Any]:
    """Ask, and check the answer against a schema of the description."""
    answer = client.get(path, params=values)
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    jsonschema.validate(answer.json(), {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}})
    found: dict[str, Any] = answer.json()
    return found


def test_a_search_is_that_of_the_library(client: TestClient, written: Run) -> None:
    found = checked(client, "/api/search", "Answer", id=HOSTILE, top=5)
    expected = [match for match in api.search(written.url, HOSTILE, top=6)[0].matches if match.id != HOSTILE]
    assert [match["id"] for match in found["matches"]] == [match.id for match in expected]
    assert [match["distance"] for match in found["matches"]] == pytest.approx([match.distance for match in expected])
    assert (found["query"]["name"], found["method"], found["more"]) == (HOSTILE, "single", True)
    assert found["searched"] == "all images compared"
    second = checked(client, "/api/search", "Answer", id=HOSTILE, top=5, page=2)
    assert [match["rank"] for match in second["matches"]] == [6, 7, 8, 9, 10]
    for match in found["matches"]:
        assert client.get(match["picture"]).status_code == 200
        assert client.get(match["page"]).status_code == 200


def test_images_are_listed(client: TestClient) -> None:
    found = checked(client, "/api/images", "Images", size=7, page=2)
    assert [image["id"] for image in found["images"]] == IDS[7:14]
    assert (found["found"], found["more"]) == (30, True)
    assert checked(client, "/api/images", "Images", name="PHOTO1")["found"] == 10


@pytest.mark.parametrize(
    ("path", "values", "status"),
    [
        ("/api/search", {}, 422),
        ("/api/search", {"id": "gone.jpg"}, 422),
        ("/api/search", {"id": PLAIN[0], "top": "1001"}, 422),
        ("/api/search", {"id": PLAIN[0], "top": "1000", "page": "11"}, 422),
        ("/api/search", {"upload": "gone"}, 410),
        ("/api/images", {"size": "0"}, 422),
        ("/api/nothing", {}, 404),
    ],
)
def test_what_cannot_be_answered_is_said_in_json(
    path: str, values: dict[str, str], status: int, client: TestClient
) -> None:
    assert client.get(path, params=values).status_code == status
    checked(client, path, "Error", **values)


def test_a_missing_token_and_a_large_body_are_said_in_json(serve: Serve, written: Run) -> None:
    client = serve(written, "0123456789abcdef", max_upload=10)
    assert client.get("/api/images").json()["error"].startswith("give the token")
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    assert "larger than" in client.post("/api/search", content=bytes(20_000), headers=headers).json()["error"]
    assert "send a picture" in client.post("/api/search", headers=headers).json()["error"]
