import pytest
from starlette.testclient import TestClient

from osrmac.runs.overview.stored import Outlier, Overview, OverviewFacts, Position
from osrmac.storage.run import Run
from tests.server.conftest import HOSTILE, PLAIN, Serve, site_of

FACTS = OverviewFacts(method="single", distance="l1", digest="", shards="", images=30, sampled=30, threshold=0.5)
OVERVIEW = Overview(
    [[HOSTILE, *PLAIN[:8]], PLAIN[8:10]],
    {HOSTILE: Position(0.123456, 1, 0), PLAIN[20]: Position(0, 0.5, None)},
    [Outlier(PLAIN[20], 2.0)],
    1.0,
    FACTS,
    "images have been added",
)


@pytest.fixture
def grouped(serve: Serve, written: Run, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    client = serve(written)
    monkeypatch.setattr(site_of(client), "overview", lambda: OVERVIEW)
    return client


@pytest.mark.parametrize("path", ["/groups", "/outliers", "/map"])
def test_the_pages_say_how_to_make_an_overview(path: str, client: TestClient) -> None:
    assert "osrmac overview" in client.get(path).text


def test_groups_are_shown_with_their_sizes(grouped: TestClient) -> None:
    text = grouped.get("/groups").text
    assert "2 groups" in text
    assert "9 images" in text
    assert "Out of date: images have been added." in text
    assert "<script>alert" not in text
    assert "9 images" in grouped.get("/").text


def test_a_group_has_all_of_its_images(grouped: TestClient) -> None:
    text = grouped.get("/group", params={"id": HOSTILE}).text
    assert text.count('class="frame"') == 9
    assert grouped.get("/group", params={"id": PLAIN[20]}).status_code == 404
    assert grouped.get("/group").status_code == 404


def test_outliers_and_the_map(grouped: TestClient) -> None:
    assert PLAIN[20] in grouped.get("/outliers").text
    points = grouped.get("/api/map").json()["points"]
    assert points == [[HOSTILE, 0.1235, 1, 0], [PLAIN[20], 0, 0.5, None]]
