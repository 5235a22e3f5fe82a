"""Removal of credentials from URLs, and from texts that may contain URLs.

Removed are user information and the parameters of signed URLs. Other parameters stay, since they may name the image.
Pure functions; what has no credentials is returned as it is.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["redact", "redact_all", "without_credentials"]

_LINK = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<user>[^/?#]*@)?(?P<rest>.*)", re.DOTALL)
"""One URL of a chain."""

_NAMING_SCHEMES = frozenset(
    {
        *("abfs", "abfss", "adl", "az", "wasb", "wasbs"),  # container@account
        *("git", "github", "gitlab", "hf"),  # organization:repository@branch
        *("file", "libarchive", "local", "memory", "reference", "rar", "tar", "zip"),  # a path
    }
)
"""Schemes where the part before an @ names the file."""

_SIGNED_SCHEMES = frozenset(("http", "https"))
"""Schemes whose URLs have parameters; in others, a question mark belongs to the name."""

_ALWAYS = re.compile(r"x-amz-.+|x-goog-.+|(access_|auth_|security-)?token|api_?key", re.IGNORECASE)
"""Parameters that are credentials by themselves: AWS and Google Cloud (version 4), and tokens."""

_AZURE = frozenset(
    {
        *("sig", "se", "sp", "sv", "sr", "st", "spr", "sip", "ss", "srt", "ses", "sdd"),
        *("ske", "skoid", "sks", "skt", "sktid", "skv", "saoid", "suoid", "scid"),
    }
)
_OLDER = frozenset(
    {"signature", "expires", "policy", "key-pair-id", "awsaccesskeyid", "googleaccessid", "ossaccesskeyid"}
)
_WITH_SIGNATURE = {"sig": _AZURE, "signature": _OLDER}
"""Parameters that belong to a signature of this name: of Azure, and of CloudFront and version 2. Elsewhere they may
mean anything."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(?:[^\s\"'<>]*[^\s\"'<>.,:;)\]}])?")
"""A URL in a text, without the punctuation that follows it."""

_LOOSE = re.compile(r"(?<=[?&])(?:x-amz-|x-goog-)[\w-]+=[^\s&\"'<>]*&?", re.IGNORECASE)
"""A parameter of a signed URL that has white space or quotes before it."""


def without_credentials(url: str) -> str:
    """Return a URL, or a chain of URLs, without its credentials; a path is returned as it is.

    >>> without_credentials("https://me:secret@host/a.jpg?size=2&X-Amz-Signature=0f")
    'https://host/a.jpg?size=2'
    >>> without_credentials("zip://a.jpg::https://me:secret@host/photos.zip")
    'zip://a.jpg::https://host/photos.zip'
    """
    return "::".join(map(_link_without_credentials, url.split("::"))) if "://" in url else url


def _link_without_credentials(link: str) -> str:
    found = _LINK.fullmatch(link)
    if found is None:
        return link
    scheme, user, rest = found["scheme"], found["user"] or "", found["rest"]
    if scheme.lower() not in _NAMING_SCHEMES:
        user = ""
    if scheme.lower() in _SIGNED_SCHEMES:
        rest = _without_signature(rest)
    return f"{scheme}://{user}{rest}"


def _without_signature(url: str) -> str:
    path, mark, query = url.partition("?")
    query, hash_, fragment = query.partition("#")
    parameters = query.split("&")
    names = {_name(parameter) for parameter in parameters}
    removed = frozenset[str]().union(*(others for name, others in _WITH_SIGNATURE.items() if name in names))
    kept = [each for each in parameters if not (_name(each) in removed or _ALWAYS.fullmatch(_name(each)))]
    if len(kept) == len(parameters):
        return url
    return path + (mark + "&".join(kept) if kept else "") + hash_ + fragment


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].lower()


def redact(text: str) -> str:
    """Return a text with the credentials of all URLs in it removed.

    >>> redact("401, url='https://me:secret@host/a.jpg?sig=0f&se=1': Unauthorized")
    "401, url='https://host/a.jpg': Unauthorized"
    """
    if "://" not in text:
        return text
    return _LOOSE.sub("", _URL.sub(lambda url: without_credentials(url[0]), text))


def redact_all(value: Any) -> Any:
    """Return plain JSON values with all texts in them redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(item) for key, item in value.items()}
    return [redact_all(item) for item in value] if isinstance(value, list | tuple) else value
