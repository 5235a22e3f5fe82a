"""Removal of credentials from URLs and texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.credentials import redact, redact_all, without_credentials

AWS4 = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261126%2Feu%2Fs3%2Faws4_request&X-Amz-Date=20261126T0Z"
    "&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t%2B&X-Amz-Signature=0f"
)
AWS2 = "AWSAccessKeyId=AKIA&Signature=a%2Bb%3D&Expires=1764000000"
AZURE = "sp=r&st=2026-11-26T00:00:00Z&se=2026-11-27T00:00:00Z&spr=https&sv=2024-11-04&sr=c&sig=a%2Bb%3D&skoid=1&sktid=2"
GOOGLE = "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=me%40project&X-Goog-Expires=9&X-Goog-Signature=0f"
CLOUDFRONT = "Policy=eyJ&Signature=a-b~&Key-Pair-Id=K2"


@pytest.mark.parametrize(
    "signature", [AWS4, AWS2, AZURE, GOOGLE, CLOUDFRONT, "token=abc", "access_token=a.b.c", "x-amz-signature=0f"]
)
def test_signatures_are_removed_and_other_parameters_stay(signature: str) -> None:
    assert without_credentials(f"https://host/a.jpg?{signature}") == "https://host/a.jpg"
    assert without_credentials(f"https://host/a.jpg?{signature}#top") == "https://host/a.jpg#top"
    assert without_credentials(f"https://host/a.jpg?id=7&{signature}&v=2") == "https://host/a.jpg?id=7&v=2"
    mixed = "&name=my%20image&".join(signature.split("&")) if "&" in signature else f"name=my%20image&{signature}"
    assert set(without_credentials(f"https://host/?{mixed}").split("?")[1].split("&")) == {"name=my%20image"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:secret@host:8443/a.jpg", "https://host:8443/a.jpg"),
        ("https://ghp_token@host/a.jpg", "https://host/a.jpg"),
        ("HTTPS://me:p@ss:word@host/a@b.jpg", "HTTPS://host/a@b.jpg"),
        ("sftp://me:secret@host/a.jpg", "sftp://host/a.jpg"),
        ("s3://key:secret@bucket/a.jpg", "s3://bucket/a.jpg"),
        ("zip://a.jpg::https://me:secret@host/x.zip?v=1&sig=0f&sv=2", "zip://a.jpg::https://host/x.zip?v=1"),
        ("simplecache::https://me:secret@host/a.jpg", "simplecache::https://host/a.jpg"),
    ],
)
def test_user_information_is_removed_also_in_chains(url: str, expected: str) -> None:
    assert without_credentials(url) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("/photos/a.jpg", "a.jpg?token=7", "/photos/x::y@z?sig=1.jpg", "file:///photos/me:you@home?token=1.jpg"),
        *("s3://bucket/me@home.jpg", "s3://bucket/a.jpg?token=1", "gs://bucket/a?sig=2"),
        *(
            "https://host/me@home.jpg",
            "https://host/a?id=7",
            "https://host/a?se=1&st=2&sr=3",
            "https://host/?expires=1",
        ),
        *("https://host/a?", "https://host/a?&&", "https://host/a?b=c?d", "https://host/a?mytoken=1"),
        *("abfs://container@account.dfs.core.windows.net/a.jpg", "github://org:repo@main/a.jpg"),
        *("zip://me:you@home?token=1.jpg::/photos.zip", "zip://a.jpg::s3://bucket/x.zip", "", "::", "://", "https://"),
    ],
)
def test_what_names_an_image_stays(name: str) -> None:
    assert without_credentials(name) == name


def test_credentials_are_removed_from_messages() -> None:
    url = f"https://me:secret@host/a.jpg?id=7&{AWS4}"
    message = f'cannot read {url}: 403, url="{url}" (see {url}), and {url}'
    assert redact(message) == (
        'cannot read https://host/a.jpg?id=7: 403, url="https://host/a.jpg?id=7" (see https://host/a.jpg?id=7)'
        ", and https://host/a.jpg?id=7"
    )
    spaced = f"cannot read https://me:secret@host/my image.jpg?{AWS4}: 403"
    assert "secret" not in redact(spaced)
    assert "0f" not in redact(spaced)
    assert redact("see https://host/x, me@home and a?token=7") == "see https://host/x, me@home and a?token=7"


def test_values_are_redacted_at_any_depth() -> None:
    values = {"uri": "https://me:secret@host/", "more": [("https://t@h/",), 1, None, True], "https": {"a": "b"}}
    assert redact_all(values) == {"uri": "https://host/", "more": [["https://h/"], 1, None, True], "https": {"a": "b"}}


@given(st.text())
def test_removal_is_idempotent_and_leaves_texts_without_urls(text: str) -> None:
    assert without_credentials(without_credentials(text)) == without_credentials(text)
    assert redact(redact(text)) == redact(text)
    if "://" not in text:
        assert without_credentials(text) == redact(text) == text


@given(
    st.lists(
        st.sampled_from(["https", "://", "me", ":", "@", "/", "?", "sig", "=", "&", "::", "zip", " ", "#", "token"])
    )
)
def test_removal_is_idempotent_for_what_resembles_urls(parts: list[str]) -> None:
    text = "".join(parts)
    assert without_credentials(without_credentials(text)) == without_credentials(text)
    assert redact(redact(text)) == redact(text)
