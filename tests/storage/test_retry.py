import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from osrmac.errors import StorageError
from osrmac.storage.filesystem import open_url
from osrmac.storage.retry import is_transient


def response(status: int) -> ClientError:
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
        (response(403), False),
        (response(412), False),
        (response(501), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (OSError(5, "Input/output error"), True),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), True),
        (response(409), True),
        (response(429), True),
        (response(500), True),
        (response(503), True),
    ],
)
def test_transient_errors_are_told_apart_from_permanent_ones(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected


def test_s3_retries_requests_unless_the_caller_does() -> None:
    retrying, _ = open_url("s3://bucket/key")
    once, _ = open_url("s3://bucket/key", retries=False)
    assert retrying.retries > 1
    assert once.retries == 1
    assert open_url("s3://bucket/other")[0] is retrying
    assert retrying.retries > 1
