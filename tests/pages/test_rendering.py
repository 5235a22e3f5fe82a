import jinja2
import pytest

from osrmac.pages.rendering import _TEMPLATES, render


def test_values_are_escaped() -> None:
    page = render("base.html", title="<b>&")
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("base.html")


def test_names_may_be_wrapped_after_separators_and_lose_credentials() -> None:
    shown = _TEMPLATES.from_string("{{ name | breakable }}")
    assert shown.render(name="a/b_c-d.jpg") == "a/<wbr>b_<wbr>c-<wbr>d.<wbr>jpg"
    assert shown.render(name="../<b>") == "../<wbr>&lt;b&gt;"
    assert shown.render(name="https://me:secret@host/a") == "https:/<wbr>/<wbr>host/<wbr>a".replace("/<wbr>/", "//")
    assert shown.render(name="") == ""
