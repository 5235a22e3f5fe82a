"""Credentials of URLs: needed by a server, given to every command, and found in nothing that these write or show."""

import base64
import io
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from osrmac.cli import main
from osrmac.descriptor.models import backbones
from osrmac.errors import WeightsError
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run
from tests.committed import rows

SECRET = "hunter2"
USER = "alice"
SIGNATURE = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={USER}%2Fs3&X-Amz-Expires=9&X-Amz-Signature={SECRET}"
DESCRIPTOR = ("--backbone", "resnet18", "--image-sizes", "64", "48", "32", "--recipes", "single")
OPTIONS = (*DESCRIPTOR, "--workers", "1", "--shard-rows", "1")

pytestmark = pytest.mark.integration


class _Guarded(BaseHTTPRequestHandler):
    """Serves the files of a folder to requests with a signature, or with a user and password."""

    folder: Path
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        login = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        signed = parse_qs(parts.query).get("X-Amz-Signature") == [SECRET]
        file = self.folder / parts.path.lstrip("/")
        if not signed and self.headers.get("Authorization") != login:
            self._respond(403, b"")
        elif not file.is_file():
            self._respond(404, b"")
        else:
            self._respond(200, file.read_bytes())

    def _respond(self, status: int, content: bytes) -> None:
        size, wanted = len(content), self.headers.get("Range", "")
        if status == 200 and wanted.startswith("bytes="):
            first, last = (int(edge or size) for edge in wanted.removeprefix("bytes=").split("-"))
            status, content = 206, content[first : last + 1]
        self.send_response(status)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{first + len(content) - 1}/{size}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # of the base class
        pass


@dataclass(frozen=True)
class Server:
    host: str
    folder: Path

    def signed(self, name: str, signature: str = SIGNATURE) -> str:
        return f"http://{self.host}/{name}?size=2&{signature}"

    def with_login(self, name: str) -> str:
        return f"http://{USER}:{SECRET}@{self.host}/{name}"

    def bare(self, name: str) -> str:
        return f"http://{self.host}/{name}"


@pytest.fixture(scope="module")
def server(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    for name in ("copy0.png", "copy1.png", "copy2.png", "empty.jpg"):
        shutil.copy(photos / name, folder)
    torch.save(backbones.load_weights("resnet18", "random:0").state, folder / "weights.pth")
    handler = type("Handler", (_Guarded,), {"folder": folder})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield Server(f"127.0.0.1:{httpd.server_port}", folder)
    httpd.shutdown()
    httpd.server_close()


def listed(server: Server, signature: str = SIGNATURE) -> list[str]:
    """Two images with a signature, one with a login, a damaged one, a missing one, and one with a wrong signature."""
    wrong = signature.replace("Signature=", "Signature=not-")
    return [
        *(server.signed("copy0.png", signature), server.signed("copy1.png", signature), server.with_login("copy2.png")),
        *(server.signed("empty.jpg", signature), server.signed("gone.jpg", signature), server.signed("no.jpg", wrong)),
    ]


def shown_by(*arguments: str) -> str:
    """What a command writes to standard output and standard error."""
    shown = io.StringIO()
    with redirect_stdout(shown), redirect_stderr(shown), suppress(SystemExit):
        main(list(arguments))
    return shown.getvalue()


@pytest.fixture(scope="module")
def collected(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """A run of these images, with a list and weights that need a signature, too; and what the extraction wrote."""
    (server.folder / "images.txt").write_text("\n".join(listed(server)))
    images = f"{server.bare('images.txt')}?{SIGNATURE}"
    run = Run(str(tmp_path_factory.mktemp("collected") / "run"))
    command = ("extract", images, run.url, *OPTIONS, "--weights", server.signed("weights.pth"))
    return run, shown_by(*command, "--profile", "--max-failure-rate", "1", "--attempts", "1")


@pytest.fixture
def own(collected: tuple[Run, str], tmp_path: Path) -> Run:
    """A copy of the run."""
    return Run(str(shutil.copytree(collected[0].url, tmp_path / "run")))


@pytest.fixture
def images(server: Server, tmp_path: Path) -> str:
    """The list with new signatures."""
    signature = SIGNATURE.replace("Expires=9", "Expires=10")
    (tmp_path / "images.txt").write_text("\n".join(listed(server, signature)))
    return str(tmp_path / "images.txt")


def contents(folder: str | Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder as text, Parquet decoded."""
    for file in sorted(Path(folder).rglob("*")):
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            yield file, f"{table.to_pylist()} {table.schema.metadata}"
        elif file.is_file():
            yield file, file.read_bytes().decode(errors="replace")


def files_with_secrets(folder: str | Path) -> list[str]:
    return [file.name for file, text in contents(folder) if has_secret(text)]


def has_secret(text: str) -> bool:
    return SECRET in text or USER in text or "X-Amz" in text


def test_an_extraction_reads_by_credentials_but_neither_stores_nor_shows_them(
    server: Server, collected: tuple[Run, str]
) -> None:
    run, shown = collected
    described = rows(run.descriptors)
    size = "?size=2"
    assert {image: row["error"] or row["status"] for image, row in described.items()} == {
        server.bare("copy0.png") + size: "ok",
        server.bare("copy1.png") + size: "ok",
        server.bare("copy2.png"): "ok",
        server.bare("empty.jpg") + size: "the file is empty",
        server.bare("gone.jpg") + size: f"FileNotFoundError: {server.bare('gone.jpg')}{size}",
        server.bare("no.jpg") + size: described[server.bare("no.jpg") + size]["error"],
    }
    assert described[server.bare("no.jpg") + size]["error"].startswith("ClientResponseError: 403")
    assert all(row["uri"] == image for image, row in described.items())
    assert run.record()["images"] == server.bare("images.txt")
    assert run.record()["descriptor"]["weights"] == server.bare("weights.pth") + size
    assert files_with_secrets(run.url) == []
    assert "3 images described, 3 failed" in shown
    assert "Time of the command" in shown
    assert not has_secret(shown)


def test_other_commands_neither_store_nor_show_credentials(server: Server, own: Run, tmp_path: Path) -> None:
    query = f"{server.bare('copy0.png')}?size=2"
    (tmp_path / "groups.csv").write_text(f"id,group\n{query},1\n{server.bare('copy2.png')},1\n")
    output = tmp_path / "output"
    output.mkdir()
    commands: list[tuple[str, ...]] = [
        ("fit", own.url, "--features", "8"),
        ("evaluate", own.url, "--benchmark", "groups", "--ground-truth", str(tmp_path / "groups.csv")),
        ("search", own.url, query, "--html", str(output / "search.html")),
        ("search", own.url, query, "--format", "json"),
        ("report", own.url),
        *(("info", own.url, "--format", name) for name in ("json", "table")),
        ("verify", own.url),
        ("export", own.url, str(output / "npy"), "--to", "npy", "--method", "single"),
    ]
    for command in commands:
        shown = shown_by(*command)
        assert "osrmac: " not in shown, shown
        assert not has_secret(shown)
    assert files_with_secrets(own.url) == []
    assert files_with_secrets(output) == []
    # The weights and images are not found without credentials, and the messages do not have those that are given.
    for refused, message in [
        (("search", own.url, server.signed("copy1.png"), "--html", str(output / "more.html")), "keeps no credentials"),
        (("search", own.url, query, "--box", "0", "0", "9", "9"), "keeps no credentials"),
        (("extract", server.with_login("gone/"), str(output / "run"), *OPTIONS, "--weights", "random:0"), "no folder"),
        (
            ("extract", str(server.folder), str(output / "run"), *OPTIONS, "--weights", server.signed("gone.pth")),
            "gone.pth",
        ),
        (
            ("extract", str(server.folder), str(output / "run"), *OPTIONS, "--weights", server.with_login("gone.pth")),
            "gone",
        ),
        (("cam", server.signed("gone.jpg")), "gone.jpg"),
        (("search", server.with_login("run"), "a"), "no run at"),
    ]:
        shown = shown_by(*refused)
        assert message in shown, shown
        assert not has_secret(shown), shown


def test_an_image_given_by_its_signed_url_is_found(server: Server, own: Run, tmp_path: Path) -> None:
    """The weights that the run needs for it have been recorded at another place, by continuing the run with them."""
    record = own.record()
    record["descriptor"]["weights"] = str(server.folder / "weights.pth")
    (own.location / "run.json").write_json(record)
    for query in (server.signed("copy1.png"), server.with_login("copy2.png")):
        shown = shown_by("search", own.url, query, "--html", str(tmp_path / "sheet.html"))
        assert server.bare(Path(urlsplit(query).path).name) in shown
        assert not has_secret(shown + (tmp_path / "sheet.html").read_text())


def test_new_signatures_are_the_same_images(server: Server, own: Run, images: str) -> None:
    before = rows(own.descriptors)
    command = ("extract", images, own.url, *OPTIONS, "--weights", str(server.folder / "weights.pth"))
    assert "3 images described, 3 failed, 0 of them now" in shown_by(*command)
    assert rows(own.descriptors) == before
    assert own.record()["descriptor"]["weights"] == str(server.folder / "weights.pth")


def test_tracebacks_have_no_credentials(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # to be restored
    forbidden = server.signed("weights.pth", SIGNATURE.replace("Signature=", "Signature=not-"))
    with pytest.raises(WeightsError, match="no weights at") as caught:
        main(["extract", str(server.folder), str(tmp_path / "run"), *OPTIONS, "--weights", forbidden, "--debug"])
    sys.excepthook(caught.type, caught.value, caught.tb)
    shown = capsys.readouterr().err
    assert f"FileNotFoundError: {server.bare('weights.pth')}?size=2" in shown
    assert not has_secret(shown)


def with_stored_credentials(run: Run, server: Server) -> None:
    """Change a run into one of an earlier version, which stored the URLs of the list as they were."""
    full = dict(zip(sorted(rows(run.descriptors)), sorted(listed(server), key=_bare_name), strict=True))
    for folder in (run.manifest, run.descriptors):
        for file in shards.paths(folder):
            table = shards.read(file)
            for name in ("id", "uri"):
                values = pa.array([full[value] for value in table[name].to_pylist()])
                table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)
            if folder == run.manifest:
                manifest.write_part(file, table)
            else:
                shards.write(folder, table, file.name)
    record = run.record()
    record["images"] = f"http://{USER}:{SECRET}@{server.host}/images.txt"
    record["weights"] = record["descriptor"]["weights"] = server.signed("weights.pth")
    (run.location / "run.json").write_json(record)


def _bare_name(url: str) -> str:
    return urlsplit(url).path


def test_a_run_that_stores_credentials_keeps_working_and_does_not_show_them(
    server: Server, own: Run, images: str, tmp_path: Path
) -> None:
    with_stored_credentials(own, server)
    before = rows(own.descriptors)
    assert set(before) == set(listed(server))
    kept = server.signed("copy0.png")
    output = tmp_path / "output"
    output.mkdir()
    # The weights and images are read by the stored URLs.
    for command in [
        ("search", own.url, kept, "--box", "0", "0", "50", "50", "--html", str(output / "search.html")),
        ("search", own.url, kept, "--format", "json"),
        ("fit", own.url, "--features", "8"),
        ("report", own.url),
        *(("info", own.url, "--format", name) for name in ("json", "table")),
        ("verify", own.url),
    ]:
        shown = shown_by(*command)
        assert "osrmac: " not in shown, shown
        assert not has_secret(shown)
    shutil.copy(own.report, output)
    shutil.copytree(f"{own.url}/selection", output / "selection")
    assert files_with_secrets(output) == []
    # The images are recognised although their signatures have changed; those that are left are read by the new ones.
    next(shard for shard in shards.paths(own.descriptors) if kept in shards.read(shard)["id"].to_pylist()).remove()
    command = ("extract", images, own.url, *OPTIONS, "--weights", str(server.folder / "weights.pth"))
    assert "3 images described, 3 failed, 1 of them now" in shown_by(*command, "--max-failure-rate", "1")
    after = rows(own.descriptors)
    assert after == before
