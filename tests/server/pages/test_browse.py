import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from osrmac.runs.open_run import OpenRun
from osrmac.server.addresses import BrowseAddress
from osrmac.server.columns import Columns
from osrmac.server.pages.browse import find_images
from osrmac.storage.run import Run
from tests.own_columns import give_columns
from tests.server.conftest import FAILED, IDS, PLAIN, Serve

COLUMNS = Columns(pa.table({"id": IDS, "kind": ["odd", "even"] * 15}))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (BrowseAddress(), IDS),
        (BrowseAddress("PHOTO0"), PLAIN[:10]),
        (BrowseAddress("nothing"), []),
        (BrowseAddress("broken"), []),
        (BrowseAddress("", (("kind", "even"),)), IDS[1::2]),
    ],
)
def test_images_are_found_by_name_and_column(address: BrowseAddress, expected: list[str], written: Run) -> None:
    assert find_images(OpenRun(written), address, COLUMNS) == expected


def test_the_first_page_has_a_sample_and_the_number_of_images(client: TestClient) -> None:
    text = client.get("/").text
    assert text.count('class="frame"') == 24
    assert "Some of the 30 images" in text
    assert FAILED not in text


def test_a_page_of_images_keeps_its_conditions(client: TestClient) -> None:
    text = client.get("/images?name=photo0").text
    assert text.count('class="frame"') == 10
    assert 'value="photo0"' in text
    assert "10 images" in text
    assert client.get("/images?page=2").text.count('class="frame"') == 0


def test_pages_show_and_filter_by_the_columns_of_the_run(own: Run, serve: Serve) -> None:
    give_columns(own, {"title": {PLAIN[0]: "<b>harbour</b>", PLAIN[1]: "mill"}})
    client = serve(own)
    text = client.get("/images?where.title=mill").text
    assert text.count('class="frame"') == 1
    assert "<bdi>mill</bdi>" in text
    assert "&lt;b&gt;harbour&lt;/b&gt;" in text  # one of the choices
    assert "<b>harbour" not in text
    found = client.get(f"/api/search?id={PLAIN[2]}&where.title=mill").json()
    assert [match["columns"] for match in found["matches"]] == [{"title": "mill"}]
