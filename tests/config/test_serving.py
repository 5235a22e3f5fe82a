import pytest

from osrmac.config import ServeConfig
from osrmac.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_on_this_machine_alone_no_token_is_needed(host: str) -> None:
    assert not ServeConfig(host=host).needs_token


@pytest.mark.parametrize(
    "options",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "10.0.0.1"},
        {"host": "museum"},
        {"host": "127.0.0.1.evil.org"},
        {"host": "2130706433"},
        {"host": ""},
        {"root_path": "/search"},
        {"allowed_host": ("search.example.org",)},
        {"token_file": "token"},
    ],
)
def test_whatever_lets_others_in_needs_a_token(options: dict[str, object]) -> None:
    assert ServeConfig(**options).needs_token  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": -1}, "--port must be between 0 and 65535, not -1"),
        ({"port": 65536}, "--port must be between 0 and 65535, not 65536"),
        ({"root_path": "search"}, "--root-path must be a path such as /search, not search"),
        ({"root_path": "//evil.org"}, "--root-path must be a path"),
        ({"root_path": "/a b"}, "--root-path must be a path"),
        ({"root_path": "/caf\xe9"}, "--root-path must be a path"),
        ({"root_path": '/"><script>'}, "--root-path must be a path"),
        ({"root_path": "/a;b"}, "--root-path must be a path"),
        ({"allowed_host": ("search.example.org:8443",)}, "names without ports, such as search.example.org, not search"),
        ({"allowed_host": ("https://search.example.org",)}, "--allowed-host takes names without ports"),
        ({"allowed_host": ("*",)}, "--allowed-host takes names without ports"),
        ({"allowed_host": ("a.org", "")}, "--allowed-host takes names without ports"),
        ({"max_upload": 0}, "--max-upload must be at least 1"),
        ({"keep_uploads": 0}, "--keep-uploads must be at least 1"),
        ({"query_expansion": -1}, "--query-expansion must be 0 or more"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ServeConfig(**options)  # type: ignore[arg-type]


def test_names_and_addresses_are_allowed() -> None:
    ServeConfig(allowed_host=("search.example.org", "10.0.0.1", "::1", "[fd00::1]", "host_1"), root_path="/a/b-c/")
