from starlette.testclient import TestClient

from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.runs.near_duplicates.stored import collection_state, store_duplicates
from osrmac.storage.run import Run
from tests.server.conftest import HOSTILE, PLAIN, Serve


def test_the_page_says_how_to_find_them(client: TestClient) -> None:
    assert "osrmac duplicates" in client.get("/duplicates").text


def test_groups_are_shown_with_the_image_to_keep_first(serve: Serve, own: Run) -> None:
    names = (HOSTILE, *PLAIN[:2])
    group = tuple(Twin(name, f"/{name}", 9, 9, 0.5, keep=name == HOSTILE) for name in names)
    found = Duplicates("single", "l1", 0.5, None, "as given", 3, 0, (group,))
    store_duplicates(own, found, None, collection_state(own))
    text = serve(own).get("/duplicates").text
    assert "Group 1: 3 images" in text
    assert text.count("✓ Keep") == 1
    assert text.index("✓ Keep") < text.index(PLAIN[0])
    assert "<script>alert" not in text
    assert serve(own).get("/duplicates?page=0").status_code == 422
