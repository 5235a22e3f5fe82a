import pytest

from osrmac.errors import ConfigError, NotFoundError, OsrmacError, StorageError, WeightsError, printable, reason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such layer"), "ValueError: no such layer"),
        (OSError("first line\nsecond line"), "OSError: first line"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_reason_is_the_type_and_the_first_line(error: Exception, text: str) -> None:
    assert reason(error) == text


def test_a_printable_text_is_one_line_without_control_characters() -> None:
    assert printable("café\n\x1b[31m\u202e\udce9") == "café\\n\\x1b[31m\\u202e\\udce9"


@pytest.mark.parametrize(
    ("error", "status"), [(ConfigError, 2), (NotFoundError, 2), (StorageError, 1), (WeightsError, 1), (OsrmacError, 1)]
)
def test_a_mistake_in_the_arguments_has_another_status_than_a_failure(error: type[OsrmacError], status: int) -> None:
    assert error.exit_status == status
