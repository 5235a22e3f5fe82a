"""Attempts to reach what is not to be shown, on the server process itself over sockets.

Single parts are tested beside these: names and origins with `protection.access`, links and image servers with
`pictures`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from osrmac.storage.run import Run
from tests.server.conftest import HOSTILE, PLAIN, write_picture
from tests.server.processes import Server, form, picture, serving

pytestmark = pytest.mark.integration

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def guarded(attacked: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that needs a token, behind a reverse proxy."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(f"{TOKEN}\n")
    options = ["--token-file", str(folder / "token"), "--allowed-host", "museum.org", "--root-path", "/photos"]
    with serving(attacked.url, folder, *options) as server:
        yield server


# Paths


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../app.py", "/static/..%2f..%2fstart.py", "/static/%2e%2e/app.py", "/../../etc/passwd"),
        *("/static/....//....//app.py", "/static/%252e%252e/app.py", "//etc/passwd", "/static//etc/passwd"),
    ],
)
def test_paths_lead_out_of_nothing(path: str, server: Server) -> None:
    assert server.ask(path).status == 404


@pytest.mark.parametrize(
    "name", ["../private/a.jpg", "/etc/passwd", "%2e%2e/private/a.jpg", "file:///etc/passwd", "photo00.jpg\0", "", "."]
)
def test_only_images_of_the_run_are_shown(name: str, server: Server) -> None:
    assert server.ask("/picture", {"id": name}).status == 404
    assert server.ask("/search", {"id": name}).status in {303, 422}


def test_an_upload_cannot_be_guessed(server: Server) -> None:
    for key in ("", "0", "../a", "*"):
        assert server.ask("/picture", {"upload": key}).status == 410
        assert server.ask("/search", {"upload": key}).status == 410


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_put_into_the_collection_later_are_not_followed(kind: str, server: Server, attacked: Run) -> None:
    photos = Path(attacked.record()["images"])
    private = photos.parent / f"private-{kind}"
    name = PLAIN[1] if kind == "file" else HOSTILE
    place = photos / name
    write_picture(private / place.name, 77)
    if kind == "folder":
        (photos / name).parent.rename(photos.parent / "moved")
        (photos / name).parent.symlink_to(private)
    else:
        place.unlink()
        place.symlink_to(private / place.name)
    for size in ("small", "large"):
        answer = server.ask("/picture", {"id": name, "size": size})
        assert answer.status == 404
        assert b"symbolic link out of the collection" in answer.body
    assert server.ask("/search", {"id": name, "box": "1 1 20 20"}).status == 422


# Other sites


@pytest.mark.parametrize(
    "host", ["evil.org", "localhost.evil.org", "127.0.0.2", "0.0.0.0", "[::2]:80", "evil@localhost"]
)
def test_other_names_in_the_host_header_are_refused(host: str, server: Server) -> None:
    assert server.ask("/", headers={"Host": host}).status == 400


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.org\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.org\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost/ HTTP/1.1\r\nHost: evil.org\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n evil.org\r\n\r\n",
    ],
)
def test_there_is_one_host_header(head: bytes, server: Server) -> None:
    assert server.raw(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).split(b" ")[1] == b"400"


def test_the_server_is_known_by_its_ipv6_address(server: Server) -> None:
    assert server.ask("/", headers={"Host": "[::1]:8000"}).status == 200


def test_other_sites_cannot_send_forms_and_embed_pictures(server: Server) -> None:
    headers, body = form(picture())
    for origin in ("https://evil.org", "null", "http://localhost.evil.org"):
        assert server.ask("/search", method="POST", headers=headers | {"Origin": origin}, body=body).status == 403
        assert server.ask("/api/search", method="POST", headers={"Origin": origin}, body=picture()).status == 403
    for site, destination in (("cross-site", "image"), ("same-site", "image"), ("cross-site", "iframe")):
        embedded = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": destination}
        assert server.ask("/picture", {"id": PLAIN[0]}, headers=embedded).status == 403
    shown = server.ask("/picture", {"id": PLAIN[0]})
    assert (shown.status, shown.headers["cross-origin-resource-policy"]) == (200, "same-origin")


# Tokens


def test_without_the_token_nothing_is_shown(guarded: Server) -> None:
    wrong = {"Authorization": f"Bearer {TOKEN[:-1]}0", "Cookie": f"osrmac-00000000={TOKEN}"}
    for headers in ({}, wrong):
        for path in (
            "/",
            "/search?id=photo00.jpg",
            "/picture?id=photo00.jpg",
            "/images",
            "/static/page.js",
            "/nothing",
        ):
            answer = guarded.ask(path, headers=headers)
            assert (answer.status, answer.headers["location"], answer.body) == (303, "/photos/token", b"")
        assert guarded.ask("/api/images", headers=headers).status == 401
        assert guarded.ask("/search", method="POST", headers=headers, body=b"x").status == 303
    assert guarded.ask("/token").status == 401
    assert guarded.ask("/token", headers={"Host": "evil.org"}).status == 400


def test_with_the_token_everything_is_shown(guarded: Server) -> None:
    for headers in ({}, {"Host": "museum.org"}, {"Host": "museum.org:443"}):
        answer = guarded.ask("/api/images", headers=headers | {"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status, len(answer.body) > 100) == (200, True)
    opened = guarded.ask("/search", {"id": PLAIN[0], "token": TOKEN})
    assert (opened.status, opened.headers["location"]) == (303, f"/photos/search?id={PLAIN[0]}")
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "Path=/photos", "SameSite=lax"} <= set(cookie.split("; "))
    answer = guarded.ask("/search", {"id": PLAIN[0]}, headers={"Cookie": cookie.split(";")[0]})
    assert answer.status == 200
    assert TOKEN.encode() not in answer.body
    assert answer.headers["referrer-policy"] == "same-origin"


def test_the_form_takes_the_token_and_nothing_else(guarded: Server) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"", b"token=", b"token=x", b"token=" + TOKEN[1:].encode(), b"other=" + TOKEN.encode()):
        answer = guarded.ask("/token", method="POST", headers=kind, body=body)
        assert answer.status in {400, 401}
        assert "set-cookie" not in answer.headers
    assert guarded.ask("/token", method="POST", headers=kind, body=bytes(20_000)).status == 413
    headers, file = form(TOKEN.encode(), field="token")
    assert guarded.ask("/token", method="POST", headers=headers, body=file).status == 400
    answer = guarded.ask("/token", method="POST", headers=kind, body=f"token={TOKEN}".encode())
    assert (answer.status, answer.headers["location"]) == (303, "/photos/")
    assert f"={TOKEN};" in answer.headers["set-cookie"]


def test_forwarded_headers_make_no_request_a_local_one(guarded: Server) -> None:
    headers = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-Host": "localhost"}
    assert guarded.ask("/images", headers=headers).status == 303
    assert guarded.ask("/images", headers=headers | {"Host": "evil.org"}).status == 400
    over_https = {"X-Forwarded-Proto": "https"}
    assert "Secure" in guarded.ask("/", {"token": TOKEN}, headers=over_https).headers["set-cookie"]
