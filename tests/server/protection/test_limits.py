"""Limits of bodies and connections; `tests/server/test_attacks.py` tries to exceed them over sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from uvicorn.server import ServerState

from osrmac.server.protection import limits
from osrmac.server.protection.limits import BodyLimit, TimedProtocol


def client(size: int) -> TestClient:
    async def count(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def ignore(_request: Request) -> Response:
        return PlainTextResponse("ignored")

    paths = [Route(path, count, methods=["POST"]) for path in ("/search", "/api/search", "/token")]
    app = Starlette(routes=[*paths, Route("/", ignore)], middleware=[Middleware(BodyLimit, size=size)])
    return TestClient(app)


def in_pieces(size: int, read: list[int]) -> Iterator[bytes]:
    for _ in range(0, size, 1000):
        read.append(1000)
        yield bytes(1000)


@pytest.mark.parametrize("path", ["/search", "/api/search"])
def test_a_picture_may_be_as_large_as_the_limit(path: str) -> None:
    given = client(50_000)
    assert given.post(path, content=bytes(50_000)).text == "50000"
    assert given.post(path, content=in_pieces(50_000, [])).text == "50000"
    for content in (bytes(50_001), in_pieces(51_000, [])):
        answer = given.post(path, content=content)
        assert answer.status_code == 413
        assert answer.text == "what was sent is larger than 0.05 MB: see osrmac serve --max-upload"


def test_other_bodies_are_small() -> None:
    given = client(50_000)
    assert given.post("/token", content=bytes(10_000)).text == "10000"
    assert given.post("/token", content=bytes(10_001)).text == "what was sent is larger than 0.01 MB"
    assert given.request("GET", "/", content=bytes(90_000)).text == "ignored"


@pytest.mark.parametrize("length", ["100001", "9" * 30])
def test_a_declared_size_is_refused_before_anything_is_read(length: str) -> None:
    received: list[int] = []
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        received.append(1)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/search",
        "query_string": b"",
        "headers": [(b"content-length", length.encode())],
    }

    async def request() -> None:
        await client(100_000).app(scope, receive, send)

    asyncio.run(request())
    assert (answers[0]["status"], received) == (413, [])


def test_all_bodies_together_are_limited_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_BODIES", 0)  # so that two of the largest fit

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(None)

    async def run() -> None:
        limit, held = BodyLimit(app, 1000), asyncio.Event()
        scope = {"type": "http", "path": "/search", "headers": []}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": bytes(900)}

        async def wait(_message: object) -> None:
            await held.wait()

        async def pass_by(_message: object) -> None:
            pass

        first, second = (asyncio.create_task(limit(scope, receive, wait)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(Exception, match="503: Too many pictures arrive at once"):
            await limit(scope, receive, pass_by)
        held.set()
        await asyncio.gather(first, second)
        await limit(scope, receive, pass_by)
        assert limit._left == 2000

    asyncio.run(run())


class Serving:
    """A server, whose application answers when it may, and connections to it."""

    def __init__(self, port: int) -> None:
        self.port, self.may = port, asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def serving(headers: float, request: float, most: int) -> AsyncIterator[Serving]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await given.may.wait()
        await PlainTextResponse("done")(scope, receive, send)

    class Short(TimedProtocol):
        headers_seconds, request_seconds, most_waiting = headers, request, most

    config, state = uvicorn.Config(app, ws="none", lifespan="off", log_config=None), ServerState()
    protocol = partial(Short, config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    given = Serving(server.sockets[0].getsockname()[1])
    async with server:
        yield given
        given.may.set()
        await given.close()
        while state.connections or state.tasks:
            await asyncio.sleep(0.01)
    assert not TimedProtocol._waiting


def limited(test: Callable[[Serving], Any], headers: float = 60, request: float = 60, most: int = 100) -> None:
    async def run() -> None:
        async with serving(headers, request, most) as given:
            await asyncio.wait_for(test(given), 60)

    asyncio.run(run())


async def closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def test_connections_that_send_no_request_are_closed() -> None:
    async def test(given: Serving) -> None:
        for sent in (b"", b"GET / HTT", REQUEST[:-2]):
            reader, _ = await given.connect(sent)
            assert await closed(reader)
        given.may.set()
        reader, _ = await given.connect(REQUEST)
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        assert await closed(reader)

    limited(test, headers=0.2)


def test_bodies_that_do_not_come_and_answers_that_take_too_long_are_ended() -> None:
    async def test(given: Serving) -> None:
        for sent in (REQUEST, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc"):
            reader, _ = await given.connect(sent)
            assert await closed(reader)

    limited(test, request=0.2)


def test_the_time_of_a_request_begins_with_it() -> None:
    async def test(given: Serving) -> None:
        reader, writer = await given.connect(REQUEST)
        await asyncio.sleep(0.6)  # longer than headers may take
        given.may.set()
        await reader.readuntil(b"done")
        writer.write(REQUEST)
        await reader.readuntil(b"done")

    limited(test, headers=0.4)


def test_a_request_sent_ahead_is_answered_like_any_other() -> None:
    async def test(given: Serving) -> None:
        reader, _ = await given.connect(REQUEST + REQUEST)
        given.may.set()
        await reader.readuntil(b"done")
        given.may.clear()
        await asyncio.sleep(0.6)  # longer than headers may take
        given.may.set()
        await reader.readuntil(b"done")

    limited(test, headers=0.4)


def test_of_too_many_that_wait_the_one_that_has_waited_longest_is_closed() -> None:
    async def test(given: Serving) -> None:
        waiting = [await given.connect(b"GET") for _ in range(8)]
        await asyncio.sleep(0.1)
        given.may.set()
        reader, _ = await given.connect(REQUEST)
        await reader.readuntil(b"done")
        assert [await closed(each) for each, _ in waiting[:3]] == [True] * 3
        assert not waiting[-1][0].at_eof()

    limited(test, most=5)
