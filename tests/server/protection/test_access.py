"""Who may use the server, request by request; `tests/server/test_attacks.py` sends such requests over sockets."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from osrmac.server.protection.access import Access, AccessMiddleware, host_name

TOKEN = "0123456789abcdef"
HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "search.example.org"})


def client(token: str | None = None, root: str = "", any_address: bool = False) -> TestClient:
    async def answer(request: Request) -> Response:
        return PlainTextResponse(request.url.path)

    access = Access(HOSTS, any_address, token)
    routes = [Route("/{rest:path}", answer, methods=["GET", "POST", "PUT"])]
    app = Starlette(routes=routes, middleware=[Middleware(AccessMiddleware, access=access)])
    return TestClient(app, base_url="http://localhost", root_path=root, follow_redirects=False)


def status(given: TestClient, headers: dict[str, str], method: str = "GET", path: str = "/search") -> int:
    return given.request(method, path, headers=headers).status_code


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8000",
        "search.example.org",
        "Search.Example.Org:443",
    ],
)
def test_the_names_of_the_server_are_answered(host: str) -> None:
    assert status(client(), {"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.org", "localhost.evil.org", "evil.org:8000", "127.0.0.2", "[::2]", "0.0.0.0", "10.0.0.1"),
        *("", ":8000", "localhost@evil.org", "evil.org@localhost", "localhost/evil", "localhost?x", "localhost#x"),
        *("localhost:80:90", "localhost:x", "localhost,evil.org", "local host", "[localhost]", "::1", "[::1", "[]"),
        *("localhost.", "localhost\\evil.org", "%6cocalhost", "2130706433", "127.1"),
    ],
)
def test_other_names_may_be_rebound_and_are_refused(host: str) -> None:
    assert status(client(), {"Host": host}) == 400
    assert host_name(host) not in HOSTS


def test_a_server_at_all_addresses_is_known_by_any_address_but_not_by_any_name() -> None:
    everywhere = client(any_address=True)
    for host in ("10.0.0.1:8000", "[fd00::1]:8000", "localhost"):
        assert status(everywhere, {"Host": host}) == 200
    for host in ("evil.org", "10.0.0.1.evil.org", "10.0.0"):
        assert status(everywhere, {"Host": host}) == 400


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, 200),  # a program
        ("POST", {}, 200),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "https://search.example.org"}, 200),  # a proxy between
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
        ("GET", {"Sec-Fetch-Site": "anything"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
        ("HEAD", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9999"}, 403),  # another port
        ("POST", {"Origin": "http://localhost:8000"}, 200),
        ("POST", {"Origin": "https://search.example.org"}, 200),
        ("POST", {"Origin": "http://evil.org"}, 403),
        ("PUT", {"Origin": "http://evil.org"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": ""}, 403),
        ("POST", {"Origin": "http://["}, 403),
        ("POST", {"Origin": "http://localhost@evil.org"}, 403),
        ("POST", {"Origin": "http://localhost.evil.org"}, 403),
    ],
)
def test_other_sites_may_link_to_pages_and_do_nothing_else(method: str, headers: dict[str, str], expected: int) -> None:
    assert status(client(), headers, method) == expected


@pytest.mark.parametrize("root", ["", "/museum"])
class TestToken:
    def test_without_it_nothing_but_the_page_that_asks_for_it_is_shown(self, root: str) -> None:
        given = client(TOKEN, root)
        for path in (
            "/",
            "/search",
            "/picture?id=a",
            "/static/page.js",
            "/static/../search",
            "//token",
            "/token/",
            "/TOKEN",
        ):
            answer = given.get(f"{root}{path}")
            assert (answer.status_code, answer.headers["location"]) == (303, f"{root}/token")
        for path in ("/api/search", "/api/images", "/api/openapi.json", "/api/"):
            answer = given.get(f"{root}{path}")
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "give the token" in answer.json()["error"]
        for path in ("/token", "/static/style.css"):
            assert given.get(f"{root}{path}").status_code == 200

    def test_it_is_a_bearer_token(self, root: str) -> None:
        given = client(TOKEN, root)
        for header in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
            assert given.get(f"{root}/api/search", headers={"Authorization": header}).status_code == 200
        for header in (f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer caf\xe9"):
            refused = given.get(f"{root}/api/search", headers={b"Authorization": header.encode("latin-1")})
            assert refused.status_code == 401

    def test_in_the_address_it_becomes_a_cookie_and_is_taken_from_the_address(self, root: str) -> None:
        given = client(TOKEN, root)
        answer = given.get(f"{root}/search?id=a%26b&token={TOKEN}&page=2")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{root}/search?id=a%26b&page=2")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("osrmac-")
        assert f"={TOKEN};" in cookie
        assert f"Path={root or '/'};" in f"{cookie};"
        for attribute in ("HttpOnly", "SameSite=lax"):
            assert attribute in cookie
        assert "Secure" not in cookie
        assert TOKEN not in answer.text + str(answer.headers["location"])
        assert given.get(f"{root}/search").status_code == 200

    def test_a_wrong_one_in_the_address_or_the_cookie_is_no_token(self, root: str) -> None:
        given = client(TOKEN, root)
        for wrong in ("", "x", TOKEN[:-1], TOKEN + "0", TOKEN.upper()):
            assert given.get(f"{root}/?token={wrong}").status_code == 303
            headers = {"Cookie": f"{Access(HOSTS, token=TOKEN).cookie}={wrong}"}
            assert given.get(f"{root}/search", headers=headers).headers["location"] == f"{root}/token"
        assert given.post(f"{root}/search?token={TOKEN}").headers["location"] == f"{root}/token"
        assert "set-cookie" not in given.get(f"{root}/?token=x").headers

    def test_the_address_without_it_leads_to_no_other_host(self, root: str) -> None:
        answer = client(TOKEN, root).get(f"http://localhost{root}//evil.org/?token={TOKEN}")
        assert answer.headers["location"] == (f"{root}//evil.org/" if root else "/evil.org/")


def test_a_cookie_of_another_server_on_this_machine_does_not_disturb() -> None:
    first, second = Access(HOSTS, token="a" * 16), Access(HOSTS, token="b" * 16)
    assert first.cookie != second.cookie


def test_over_https_the_cookie_is_secure() -> None:
    given = client(TOKEN)
    given.base_url = "https://localhost"
    assert "Secure" in given.get(f"/?token={TOKEN}").headers["set-cookie"]


def test_every_answer_has_headers_against_other_sites() -> None:
    given = client(TOKEN)
    for answer in (given.get("/search"), given.get("/token"), given.get("/", headers={"Host": "evil.org"})):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


def test_without_a_token_anything_is_known() -> None:
    assert Access(HOSTS).knows(None)
    assert not Access(HOSTS, token=TOKEN).knows(None)
    assert not Access(HOSTS, token=TOKEN).knows("")
