import jinja2
import pytest

from osrmac.pages.rendering import render


def test_values_are_escaped() -> None:
    page = render("contact_sheet.html", title="<b>&", facts={}, galleries=[])
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("contact_sheet.html", facts={}, galleries=[])
