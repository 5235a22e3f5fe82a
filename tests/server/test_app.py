"""The web application as a whole: its routes, and what all answers have in common."""

import pytest
from starlette.testclient import TestClient

from osrmac.storage.run import Run
from tests.server.conftest import HOSTILE, PLAIN, Serve

PAGES = [
    "/",
    f"/search?id={PLAIN[0]}",
    f"/compare?id={PLAIN[0]}&rank=1",
    "/images",
    "/groups",
    "/outliers",
    "/map",
    "/duplicates",
]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_html_that_no_browser_keeps(path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert client.head(path).status_code == 200


@pytest.mark.parametrize(
    "path", [*PAGES, "/search.csv?id=x", "/picture?id=x", "/api/images", "/api/map", "/static/page.js"]
)
def test_pages_are_only_read(path: str, client: TestClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("name", ["style.css", "server.css", "page.js", "box.js", "icon.svg"])
def test_static_files_come_with_the_package(name: str, client: TestClient) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.content


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/%2e%2e%2f%2e%2e%2fapp.py",
        "/static/....//app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/%00",
        "/static/page.js%00.css",
        "/static/" + "a" * 5000,
        "/app.py",
        "/nothing",
    ],
)
def test_other_paths_lead_nowhere(path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page." in answer.text


def test_below_another_path_all_links_begin_with_it(serve: Serve, written: Run) -> None:
    client = serve(written)
    below = TestClient(client.app, base_url="http://localhost", root_path="/museum", follow_redirects=False)
    for path in ("/", f"/search?id={PLAIN[0]}", "/images", "/nothing"):
        text = below.get(f"/museum{path}").text
        links = [
            part.split('"')[0]
            for part in text.replace('src="', 'href="').replace('action="', 'href="').split('href="')[1:]
        ]
        assert links
        assert all(link.startswith(("/museum/", "#")) for link in links)
    assert below.get("/museum/search").headers["location"] == "/museum/"


def test_forwarded_headers_name_no_host(client: TestClient) -> None:
    forwarded = {
        "X-Forwarded-Host": "evil.org",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.org",
        "X-Original-URL": "/evil",
    }
    for path in ("/", "/search", "/nothing", "/api/openapi.json", f"/search?id={PLAIN[0]}"):
        answer = client.get(path, headers=forwarded)
        assert "evil" not in answer.text
        assert "evil" not in str(answer.headers)


def test_markup_in_names_is_text_everywhere(client: TestClient) -> None:
    for path, values in [
        ("/search", {"id": HOSTILE}),
        ("/images", {}),
        ("/compare", {"id": HOSTILE, "rank": "1"}),
        ("/search", {"id": "<script>"}),
        ("/group", {"id": "<script>"}),
    ]:
        text = client.get(path, params=values).text
        assert "<script>" not in text
        assert "alert(1)" not in text or "&lt;script&gt;" in text.replace("<wbr>", "")
