"""Access to a bucket by the role of a service account, without keys in the environment."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import s3fs

from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from tests.http_servers import http_server

pytestmark = pytest.mark.integration
TOKEN = "header.payload.signature"


class Agent(BaseHTTPRequestHandler):
    """EKS Pod Identity's agent: gives keys to whoever shows the token of the pod."""

    authorizations: list[str | None]

    def do_GET(self) -> None:
        self.authorizations.append(self.headers["Authorization"])
        keys = {"AccessKeyId": "agent", "SecretAccessKey": "secret", "Token": "session"}
        content = json.dumps({**keys, "Expiration": "2100-01-01T00:00:00Z"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setattr(Agent, "authorizations", [], raising=False)
    with http_server(Agent) as http:
        yield http


@pytest.fixture
def keyless_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    return bucket


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


def can_write(bucket: str) -> bool:
    """Lock a run and release it, which writes to the bucket."""
    with locked(Location.of(f"{bucket}/run"), Part.DESCRIPTORS):
        return bool(s3fs.S3FileSystem().find("archive/run"))


def test_nothing_is_written_without_credentials(keyless_bucket: str) -> None:
    with pytest.raises(Exception, match=r"(?i)credentials"):
        can_write(keyless_bucket)


def test_iam_roles_for_service_accounts_give_access(
    keyless_bucket: str, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/osrmac")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file))
    assert can_write(keyless_bucket)


def test_pod_identity_gives_access(
    keyless_bucket: str, agent: HTTPServer, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{agent.server_port}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token_file))
    assert can_write(keyless_bucket)
    assert set(Agent.authorizations) == {TOKEN}
