"""Addresses that count as public. Connections are tested with the fetcher."""

import pytest

from osrmac.errors import StorageError
from osrmac.storage.public_http import is_public, options


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        "64:ff9b:1::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("url", ["http://a/b", "https://a/b", "zip://b::https://a/c", "zip::http://a/b"])
def test_http_has_a_client_of_its_own_in_every_part_of_a_chain(url: str) -> None:
    (protocol,) = options(url)
    assert protocol in {"http", "https"}


@pytest.mark.parametrize(
    "url", ["/a/ftp://b", "a.jpg", "file:///a", "s3://a/b", "zip://b::/a.zip", "photo", "data:,ftp://a"]
)
def test_other_storage_has_no_options(url: str) -> None:
    assert options(url) == {}


@pytest.mark.parametrize("url", ["ftp://a/b", "zip://a::ftp://b", "zip::ftp", "reference::http://a/b", "gopher://a"])
def test_protocols_whose_connections_are_not_checked_are_refused(url: str) -> None:
    with pytest.raises(StorageError, match="whose connections it cannot check"):
        options(url)
