from collections.abc import Mapping
from pathlib import Path

import pytest

from osrmac.runs.failures import Failures, failed_ids, summary
from tests.tiny_run import tiny_run


def groups(folder: Path, failed: Mapping[str, tuple[str, str]]) -> list[Failures]:
    described, found = summary(tiny_run(folder, {"single": {"ok.jpg": [1.0]}}, failed=failed))
    assert described == 1
    return found


def test_a_failure_of_its_own_kind_keeps_its_message(tmp_path: Path) -> None:
    (found,) = groups(tmp_path, {"empty.jpg": ("decode", "the file is empty")})
    assert found == Failures("decode", "the file is empty", 1, ("empty.jpg",))
    assert str(found) == "1 failed at decode, the file is empty: empty.jpg"


def test_missing_files_form_one_group_whatever_their_paths(tmp_path: Path) -> None:
    missing = {f"{number}.jpg": ("fetch", f"FileNotFoundError: /photos/{number}.jpg") for number in range(9)}
    (found,) = groups(tmp_path, missing)
    assert (found.reason, found.count, found.first) == ("FileNotFoundError", 9, ("0.jpg", "1.jpg", "2.jpg"))
    assert str(found) == (
        "9 failed at fetch, FileNotFoundError (for example FileNotFoundError: /photos/0.jpg): "
        "0.jpg, 1.jpg, 2.jpg and 6 more"
    )


def test_a_message_that_all_images_share_is_the_reason(tmp_path: Path) -> None:
    (found,) = groups(tmp_path, dict.fromkeys(("a.jpg", "b.jpg"), ("fetch", "PermissionError: Access Denied")))
    assert (found.reason, found.example) == ("PermissionError: Access Denied", None)


def test_numbers_do_not_split_a_group(tmp_path: Path) -> None:
    large = {f"{side}.jpg": ("decode", f"{side}x9 pixels are over the limit of 5") for side in (7, 80)}
    (found,) = groups(tmp_path, large)
    assert found.reason == "NxN pixels are over the limit of N"
    assert found.example == "7x9 pixels are over the limit of 5"


@pytest.mark.parametrize("other", [("fetch", "OSError: broken"), ("decode", "ValueError: broken"), ("decode", "empty")])
def test_stages_exceptions_and_other_messages_are_groups_of_their_own(tmp_path: Path, other: tuple[str, str]) -> None:
    found = groups(tmp_path, {"a.jpg": ("decode", "OSError: broken"), "b.jpg": other, "c.jpg": other})
    assert [(group.stage, group.reason, group.count) for group in found] == [
        (*other, 2),
        ("decode", "OSError: broken", 1),
    ]


def test_failed_images_are_listed(tmp_path: Path) -> None:
    failed = dict.fromkeys(("b.jpg", "a.jpg"), ("decode", "the file is empty"))
    assert sorted(failed_ids(tiny_run(tmp_path, {"single": {"ok.jpg": [1.0]}}, failed=failed))) == ["a.jpg", "b.jpg"]


def test_the_example_is_the_message_of_the_first_image(tmp_path: Path) -> None:
    messages = {"c.jpg": "OSError: 3", "a.jpg": "OSError: 1", "d.jpg": "OSError: 1", "b.jpg": "OSError: 2"}
    (found,) = groups(tmp_path, {name: ("fetch", message) for name, message in messages.items()})
    assert (found.reason, found.count, found.example) == ("OSError", 4, "OSError: 1")
