"""Pages of a search: from the upload to the comparison of a result with it."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from osrmac.storage.run import Run
from tests.server.conftest import BROKEN_LINE, ENCODED, HOSTILE, PLAIN, QUOTED, Serve, site_of


@pytest.mark.parametrize("name", [HOSTILE, QUOTED, BROKEN_LINE, ENCODED])
def test_any_name_is_searched_for_and_shown_as_text(name: str, client: TestClient) -> None:
    answer = client.get("/search", params={"id": name})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert 'alt="a "quoted"' not in answer.text
    assert answer.text.count('class="frame"') == 24
    assert client.get("/compare", params={"id": name, "rank": "29"}).status_code == 200


def test_pages_are_numbered_and_results_lead_on(client: TestClient) -> None:
    second = client.get("/search", params={"id": PLAIN[0], "page": "2"}).text
    assert second.count('class="frame"') == 5
    assert 'start="25"' in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
    assert "Compared by single, l1 distance, all images compared, in " in second
    first = client.get("/compare", params={"id": PLAIN[0], "rank": "1"}).text
    last = client.get("/compare", params={"id": PLAIN[0], "rank": "29"}).text
    assert ("Next result" in first, "Previous result" in first) == (True, False)
    assert ("Next result" in last, "Previous result" in last) == (False, True)
    assert client.get("/compare", params={"id": PLAIN[0], "rank": "30"}).status_code == 404


def test_results_are_divided_at_the_distance_up_to_which_they_are_likely_the_same(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = client.get("/api/search", params={"id": PLAIN[0], "top": 29}).json()["matches"]
    distances = [match["distance"] for match in found]
    monkeypatch.setattr(site_of(client).scene_cut, "of", lambda _images: distances[4])
    likely, similar = client.get("/search", params={"id": PLAIN[0]}).text.split(">Similar<")
    near = sum(distance <= distances[4] for distance in distances)
    assert ">Likely the same<" in likely
    assert (likely.count('class="frame"'), similar.count('class="frame"')) == (near, 24 - near)
    assert "Likely" not in client.get("/search", params={"id": PLAIN[0], "page": "2"}).text


def test_results_are_filtered(serve: Serve, written: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"id,kind\n{PLAIN[1]},<b>oil</b>\n{PLAIN[2]},ink\n")
    client = serve(written, columns=str(tmp_path / "own.csv"))
    text = client.get("/search", params={"id": PLAIN[0], "where.kind": "INK"}).text
    assert text.count('class="frame"') == 1
    assert "<b>oil" not in text
    assert "No image of the collection" in client.get(f"/search?id={PLAIN[2]}&where.kind=ink").text
    assert client.get(f"/search?id={PLAIN[0]}&where.color=red").status_code == 422


def test_without_a_query_the_first_page_is_shown(client: TestClient) -> None:
    answer = client.get("/search")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_an_upload_leads_to_its_results(serve: Serve, finished: Run, photos: Path) -> None:
    client = serve(finished, method="single")
    content = (photos / "odd" / "03.png").read_bytes()
    sent = client.post("/search", files={"picture": ("<i>mine</i>\x07.png", content)})
    assert sent.status_code == 303
    for box in ("", "&box=5+5+60+60"):
        answer = client.get(sent.headers["location"] + box)
        assert answer.status_code == 200
        assert "<i>mine" not in answer.text
        assert answer.text.index("03.<wbr>png") > 0
    assert client.get(sent.headers["location"].replace("/search", "/picture")).content.startswith(b"\xff\xd8")
    assert client.get(sent.headers["location"] + "&box=900+900+950+950").status_code == 422
    assert client.post("/search").status_code == 422
    assert client.post("/search", files={"picture": ("a.svg", b"<svg/>")}).status_code == 422
    found = client.post("/api/search", content=content, params={"top": 3}).json()
    assert [match["id"] for match in found["matches"]][:2] == ["copy3.png", "odd/03.png"]
