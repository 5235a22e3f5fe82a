"""Hosts that a redirect may lead to. Redirects are tested with the pictures of the web application, too."""

import pytest
from yarl import URL

from osrmac.storage.reading.same_host_http import options, stays


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("http://a.org/1.jpg", "http://a.org/2.jpg"),
        ("http://a.org/1.jpg", "http://A.org:80/1.jpg"),
        ("http://a.org/1.jpg", "https://a.org/1.jpg"),
        ("https://a.org/1.jpg", "http://a.org/1.jpg"),
        ("http://a.org:9000/1.jpg", "http://a.org:9000/x"),
        ("http://[::1]:9000/1.jpg", "http://[0:0::1]:9000/x"),
    ],
)
def test_a_redirect_may_lead_to_the_same_host(source: str, target: str) -> None:
    assert stays(URL(source), URL(target))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("http://a.org/1.jpg", "http://b.org/1.jpg"),
        ("http://a.org/1.jpg", "http://www.a.org/1.jpg"),
        ("http://a.org/1.jpg", "http://a.org.evil.org/1.jpg"),
        ("http://a.org/1.jpg", "http://a.org@evil.org/1.jpg"),
        ("http://a.org/1.jpg", "http://a.org:9200/"),
        ("http://a.org:9000/1.jpg", "http://a.org/1.jpg"),
        ("http://a.org/1.jpg", "http://169.254.169.254/latest"),
        ("http://a.org/1.jpg", "file:///etc/passwd"),
    ],
)
def test_a_redirect_may_not_lead_anywhere_else(source: str, target: str) -> None:
    assert not stays(URL(source), URL(target))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.org/1.jpg", ["http"]),
        ("https://a.org/1.jpg", ["https"]),
        ("zip://1.jpg::https://a.org/b.zip", ["https"]),
        ("s3://a/http://b", []),
        ("/http://a.org/1.jpg", []),
    ],
)
def test_http_has_its_client_in_every_part_of_a_chain(url: str, expected: list[str]) -> None:
    assert list(options(url)) == expected
