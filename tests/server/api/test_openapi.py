import pytest
from openapi_spec_validator import validate

from osrmac.server.api.openapi import MOST_MATCHES, description


@pytest.mark.parametrize("has_token", [True, False])
@pytest.mark.parametrize("root", ["", "/museum"])
def test_the_description_is_valid(root: str, has_token: bool) -> None:
    described = description(root, has_token)
    validate(described)
    assert described["servers"] == [{"url": root or "/"}]
    assert ("security" in described) == has_token


def test_limits_are_described() -> None:
    operation = description("", False)["paths"]["/api/search"]["get"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
    assert schemas["top"]["maximum"] == MOST_MATCHES
