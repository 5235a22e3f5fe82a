import pytest

from osrmac.errors import StorageError
from osrmac.storage.filesystem import open_url


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StorageError, match="carrier-pigeon"):
        open_url("carrier-pigeon://coop/a.jpg")
