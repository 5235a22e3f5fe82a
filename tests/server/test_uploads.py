import pytest

from osrmac.server import uploads as module
from osrmac.server.uploads import Upload, Uploads


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_upload_is_forgotten_some_time_after_its_last_use() -> None:
    clock = Clock()
    uploads = Uploads(60, clock)
    key = uploads.add(Upload("a.jpg", b"a"))
    for clock.now in (60, 120):
        assert uploads.get(key) == Upload("a.jpg", b"a")
    clock.now = 181
    assert uploads.get(key) is None
    assert uploads.get(key) is None


def test_the_content_of_a_forgotten_upload_is_released_with_the_next_one() -> None:
    clock = Clock()
    uploads = Uploads(60, clock)
    uploads.add(Upload("a.jpg", b"a"))
    clock.now = 61
    uploads.add(Upload("b.jpg", b"b"))
    assert [upload.name for _, upload in uploads._held.values()] == ["b.jpg"]


def test_those_not_used_for_longest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BYTES", 10)
    uploads = Uploads(60, Clock())
    first, second = uploads.add(Upload("a", bytes(4))), uploads.add(Upload("b", bytes(4)))
    assert uploads.get(first)
    third = uploads.add(Upload("c", bytes(4)))
    assert [uploads.get(key) is not None for key in (first, second, third)] == [True, False, True]
    alone = uploads.add(Upload("d", bytes(100)))
    assert [uploads.get(key) is not None for key in (first, third, alone)] == [False, False, True]


def test_the_number_of_uploads_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NUMBER", 3)
    uploads = Uploads(60, Clock())
    keys = [uploads.add(Upload(name, b"")) for name in "abcde"]
    assert [uploads.get(key) is not None for key in keys] == [False, False, True, True, True]


def test_keys_cannot_be_guessed() -> None:
    uploads = Uploads(60)
    keys = {uploads.add(Upload("a", b"")) for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) >= 20 for key in keys)
    assert uploads.get("") is None
