import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from osrmac.errors import StorageError
from osrmac.storage.filesystem import open_url
from osrmac.storage.retry import is_transient


def answer(status: int) -> ClientError:
    return ClientError({"Error": {"Code": "-"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (IsADirectoryError(), False),
        (ValueError(), False),
        (StorageError("cannot open carrier-pigeon://coop"), False),
        (NoCredentialsError(), False),
        (answer(403), False),
        (answer(412), False),
        (answer(501), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (OSError(5, "Input/output error"), True),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), True),
        (answer(409), True),
        (answer(429), True),
        (answer(500), True),
        (answer(503), True),
    ],
)
def test_kinds_of_errors(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected


def test_s3_tries_again_unless_the_caller_does() -> None:
    retry_requests, _ = open_url("s3://bucket/key")
    once, _ = open_url("s3://bucket/key", retries=False)
    assert retry_requests.retries > 1
    assert once.retries == 1
    assert open_url("s3://bucket/other")[0] is retry_requests
    assert retry_requests.retries > 1
