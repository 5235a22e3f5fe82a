"""Attempts to fill or stop the server process itself, over sockets; it must answer others meanwhile.

Time limits are tested beside these, with `protection.limits`.
"""

import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from select import select
from urllib.parse import quote

import pytest

from osrmac.storage.run import Run
from tests.bombs import bombs
from tests.server.processes import Server, answers, form, picture, serving

pytestmark = pytest.mark.integration

GIGABYTE = 1 << 30


def test_a_declared_gigabyte_is_refused_at_once(server: Server) -> None:
    for path in ("/search", "/api/search"):
        for headers in ({}, {"Content-Type": "multipart/form-data; boundary=x"}, {"Expect": "100-continue"}):
            declared = headers | {"Content-Length": str(GIGABYTE)}
            answer = server.ask(path, method="POST", headers=declared)
            assert answer.status == 413
            assert b"larger than 2.01 MB: see osrmac serve --max-upload" in answer.body


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_a_gigabyte_in_chunks_fills_neither_memory_nor_disk(kind: str, server: Server, spool: Path) -> None:
    assert answers(server)
    before, chunk = server.resident, bytes(1 << 20)
    with server.connect() as connection:
        head = f"POST /search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: {kind}\r\n\r\n"
        start = form(b"")[1].removesuffix(b"\r\n--x--\r\n")
        connection.sendall(head.encode() + f"{len(start):x}\r\n".encode() + start + b"\r\n")
        most = 0
        with suppress(ConnectionError):  # at the end of its time
            for _ in range(GIGABYTE // len(chunk)):
                connection.sendall(b"100000\r\n" + chunk + b"\r\n")
                most = max(most, server.resident)
            connection.sendall(b"0\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 413")
    assert most - before < 60_000_000
    assert [file.name for file in spool.iterdir() if file.is_file()] == ["errors"]  # torch has made a folder
    assert answers(server)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"no picture", b"<html><script>alert(1)</script></html>", b"GIF89a" + bytes(50)),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        *bombs().values(),
    ],
)
def test_what_is_no_picture_is_neither_held_nor_shown(content: bytes, server: Server) -> None:
    before = server.resident
    headers, body = form(content, "a.svg")
    answer = server.ask("/search", method="POST", headers=headers, body=body)
    assert answer.status in {413, 422}
    assert b"<script>alert" not in answer.body
    assert server.ask("/api/search", method="POST", body=content).status in {413, 422}
    assert server.resident - before < 300_000_000


def test_an_upload_comes_back_as_pixels_and_under_a_harmless_name(server: Server) -> None:
    headers, body = form(picture() + b"<script>alert(1)</script>", "<script>alert(1)</script>.html")
    answer = server.ask("/search", method="POST", headers=headers, body=body)
    assert answer.status == 303
    shown = server.ask(answer.headers["location"].replace("/search", "/picture"))
    assert (shown.headers["content-type"], shown.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert b"script" not in shown.body


def multipart(head: str, content: bytes = b"x", boundary: str = "x") -> tuple[dict[str, str], bytes]:
    kind = {"Content-Type": f"multipart/form-data; {boundary}"}
    return kind, b"--x\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (
            multipart('Content-Disposition: form-data; name="picture"', boundary="boundary=x"),
            422,
        ),  # without a file name
        (multipart('Content-Disposition: form-data; name="other"; filename="a"', boundary="boundary=x"), 422),
        (multipart("Content-Disposition: form-data", boundary="boundary=x"), 400),
        (multipart("X: y", boundary="boundary=x"), 400),
        (multipart("", boundary=""), 400),
        (multipart("", boundary="boundary="), 400),
        (multipart('Content-Disposition: form-data; name="a"', bytes(20_000), "boundary=x"), 400),
        (multipart('Content-Disposition: form-data; name="a"', b"\xff-" * 4000, "boundary=x; charset=punycode"), 422),
        (multipart('Content-Disposition: form-data; name="a"', b"..", "boundary=x; charset=idna"), 422),
        (multipart('Content-Disposition: form-data; name="a"', b"x", "boundary=x; charset=zlib"), 422),
        (({"Content-Type": "multipart/form-data; boundary=x"}, b"garbage"), 400),
        (({"Content-Type": "multipart/form-data; boundary=x"}, form(b"x")[1][:-7] * 3), 400),  # three files
        (
            (
                {"Content-Type": "multipart/form-data; boundary=x"},
                b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 30 + b"--x--",
            ),
            400,
        ),
        (({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n" + b"A: b\r\n" * 9000), 400),
    ],
)
def test_odd_forms_are_refused(given: tuple[dict[str, str], bytes], status: int, server: Server) -> None:
    headers, body = given
    assert server.ask("/search", method="POST", headers=headers, body=body).status == status


def test_names_of_uploads_that_are_no_text_do_no_harm(server: Server) -> None:
    headers, body = form(picture(), "\\ud800\\n\\x1b[31m" + "a" * 3000)
    headers["Content-Type"] += "; charset=unicode_escape"
    assert server.ask("/search", method="POST", headers=headers, body=body).status in {303, 400}
    assert answers(server)


# HTTP itself


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff" * 100 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\x00garbage\r\n\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000,
        b"GET /" + b"a" * 100_000,
    ],
    ids=range(13),
)
def test_garbage_is_refused_and_the_connection_closed(sent: bytes, server: Server) -> None:
    try:
        answer = server.raw(sent)
    except ConnectionError:  # closed while this was still being sent
        answer = b""
    assert not answer or answer.split(b" ")[1][:1] in {b"2", b"4"}
    assert not answer or answer.rsplit(b"HTTP/1.1 ", 1)[1].startswith((b"400", b"501"))
    assert answers(server)


def test_requests_sent_ahead_are_answered_in_order(server: Server) -> None:
    request = b"GET /api/images?size=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = server.raw(request * 20 + last)
    assert answer.count(b"HTTP/1.1 200") == 20
    assert answer.count(b"HTTP/1.1 404") == 1


def test_an_upgrade_leads_nowhere(server: Server) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "eA==",
        "Sec-WebSocket-Version": "13",
    }
    assert server.ask("/", headers=headers).status == 200


def test_long_queries_are_answered_in_no_time(server: Server) -> None:
    for query in ("&".join(f"a{n}=b" for n in range(5000)), "page=" + "9" * 40_000, "id=" + quote("<" * 9000)):
        assert server.ask(f"/images?{query}").status in {200, 422}
    assert answers(server)


# Many connections


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /search HTTP/1.1\r\nHost: localh",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc",
    ],
    ids=["silent", "headers", "bodies"],
)
def test_a_thousand_slow_connections_keep_nobody_waiting(sent: bytes, server: Server) -> None:
    before = server.resident
    with ExitStack() as open_connections:
        for _ in range(1000):
            connection = open_connections.enter_context(socket.create_connection(server.address, timeout=30))
            connection.sendall(sent)
        for _ in range(3):
            assert answers(server)
        assert server.resident - before < 150_000_000
    assert answers(server)


def test_slow_headers_are_ended(server: Server) -> None:
    """One byte every second is not enough."""
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(ConnectionError):
            _drip(connection)


def _drip(connection: socket.socket) -> None:
    for _ in range(60):
        connection.sendall(b"X")
        time.sleep(1)


def test_many_uploads_at_once_fill_no_memory(attacked: Run, tmp_path: Path) -> None:
    """Sixty clients send 20 MB each, and none sends its last byte."""
    with serving(attacked.url, tmp_path, "--max-upload", "25000000") as server, ExitStack() as sending:
        before, content = server.resident, bytes(20_000_000)

        def send(connection: socket.socket) -> None:
            head = f"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content) + 1}\r\n\r\n"
            with suppress(ConnectionError):
                connection.sendall(head.encode() + content)

        connections = [sending.enter_context(server.connect()) for _ in range(60)]
        threads = [threading.Thread(target=send, args=(connection,)) for connection in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers(server)
        assert server.resident - before < 800_000_000
        readable, _, _ = select(connections, [], [], 0)  # those that were refused
        assert len(readable) > 30
