from starlette.requests import Request

from osrmac.server.addresses import SearchAddress
from osrmac.server.pages.rendering import _TEMPLATES, Linked, linked, root


def test_values_are_escaped_and_lose_their_credentials() -> None:
    text = _TEMPLATES.from_string("{{ a }} {{ a | breakable }}").render(a="s3://key:secret@b/<i>_c.jpg")
    assert "secret" not in text
    assert "<i>" not in text
    assert "&lt;i&gt;_<wbr>c.<wbr>jpg" in text


def test_images_are_linked_to_their_searches() -> None:
    assert linked(["a b"]) == [Linked("a b", SearchAddress("a b"))]
    assert str(linked(["a&b"])[0].address) == "id=a%26b"


def test_the_root_has_no_slash_at_its_end() -> None:
    for path, expected in [("", ""), ("/", ""), ("/museum/", "/museum")]:
        assert root(Request({"type": "http", "root_path": path})) == expected
