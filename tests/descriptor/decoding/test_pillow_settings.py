"""Pillow's settings: limited to one decode, whatever other threads decode or warn of meanwhile."""

import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from osrmac.descriptor.decoding.pillow_settings import pillow_settings
from osrmac.descriptor.images import DecodeError, decode
from tests.pictures import encoded, noise, smooth

TRUNCATED = encoded(smooth(240, 400), "JPEG")[:3000]
BAD_EXIF = encoded(smooth(24, 40), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
LARGE = encoded(Image.new("1", (500, 500)))


def outcome(data: bytes, max_pixels: int, **options: Any) -> str:
    """The size of the decoded image, or the reason why it was refused."""
    try:
        image, _ = decode(data, max_pixels=max_pixels, **options)
    except DecodeError as error:
        return str(error)
    return f"{image.width}x{image.height}"


class Paused:
    """A decode in a thread of its own that stops before it opens its file, with its settings made, until `finish`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, decode: Callable[[], str]) -> None:
        self._resume = threading.Event()
        is_paused, open_file = threading.Event(), Image.open

        def open_later(*arguments: Any, **options: Any) -> Image.Image:
            if threading.current_thread() is thread and not is_paused.is_set():
                is_paused.set()
                self._resume.wait(60)
            return open_file(*arguments, **options)

        monkeypatch.setattr(Image, "open", open_later)
        self._results: list[str] = []
        self._thread = thread = threading.Thread(target=lambda: self._results.append(decode()))
        thread.start()
        assert is_paused.wait(60)

    def finish(self) -> str:
        self._resume.set()
        self._thread.join(60)
        (result,) = self._results
        return result


@pytest.mark.parametrize("limits", [(10_000, 10**6), (10**6, 10_000)])
def test_each_thread_has_its_own_pixel_limit(limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {10_000: "more than twice the limit of 10000 pixels", 10**6: "500x500"}
    first, second = limits
    paused = Paused(monkeypatch, partial(outcome, LARGE, first))

    assert outcome(LARGE, second) == expected[second]
    assert paused.finish() == expected[first]


def test_a_truncated_file_is_refused_while_another_thread_allows_one(monkeypatch: pytest.MonkeyPatch) -> None:
    paused = Paused(monkeypatch, partial(outcome, TRUNCATED, 10**6, allow_truncated=True))

    assert outcome(TRUNCATED, 10**6).startswith("OSError: ")
    assert paused.finish() == "400x240"


def test_many_threads_decode_independently() -> None:
    cases: list[Callable[[], str]] = [
        partial(outcome, LARGE, 10_000),
        partial(outcome, LARGE, 10**6),
        partial(outcome, TRUNCATED, 10**6),
        partial(outcome, TRUNCATED, 10**6, allow_truncated=True),
        partial(outcome, BAD_EXIF, 10**6),
    ] * 100
    expected = [case() for case in cases[:5]] * 100

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda case: case(), cases)) == expected


@pytest.mark.parametrize("action", ["error", "always"])
def test_warnings_of_pillow_neither_fail_a_decode_nor_reach_the_log(
    action: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warnings, "showwarning", lambda *_: sys.stderr.write("warned"))
    warnings.simplefilter(action)

    assert outcome(BAD_EXIF, 10**6) == "40x24"
    assert capfd.readouterr() == ("", "")


def test_warnings_of_other_code_are_raised_during_a_decode() -> None:
    with pillow_settings(10**6, allow_truncated=False), pytest.raises(UserWarning, match=r"^mine$"):
        warnings.warn("mine", stacklevel=1)


def test_overlapping_decodes_leave_the_warning_filters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of `warnings.catch_warnings` would restore the filters in the wrong order."""
    outcome(BAD_EXIF, 10**6)
    before = list(warnings.filters)
    first = Paused(monkeypatch, partial(outcome, BAD_EXIF, 10**6))
    second = Paused(monkeypatch, partial(outcome, BAD_EXIF, 10**6))

    assert first.finish() == second.finish() == "40x24"

    assert warnings.filters == before


# Outside of a decode


def test_settings_outside_of_a_decode_are_those_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    large = Image.fromarray(noise(5, 8))

    assert outcome(encoded(large), 40) == "8x5"
    assert outcome(TRUNCATED, 10**6).startswith("OSError: ")

    assert Image.MAX_IMAGE_PIXELS == 10
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    with pytest.raises(Image.DecompressionBombError, match="exceeds limit of 20 pixels"):
        large.crop((0, 0, 5, 5))


def test_a_disabled_limit_stays_disabled_outside_of_a_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)

    assert outcome(LARGE, 10_000) == "more than twice the limit of 10000 pixels"
    assert Image.new("1", (20_000, 20_000)).crop((0, 0, 20_000, 19_000)).size == (20_000, 19_000)


def test_allowed_truncation_shows_the_part_that_was_read() -> None:
    original = smooth(240, 400)
    file = encoded(original, "JPEG")
    truncated = file[: len(file) * 2 // 3]

    image, size = decode(truncated, max_pixels=10**6, min_longest_side=200, allow_truncated=True)

    assert (image.size, size) == ((200, 120), (400, 240))
    np.testing.assert_allclose(np.asarray(image)[:30].astype(int), np.asarray(original.reduce(2))[:30], atol=12)
    assert outcome(truncated, 10**6).startswith("OSError: ")


@pytest.mark.parametrize("data", [b"", b"<html>", TRUNCATED[:20]], ids=["empty", "HTML", "header"])
def test_files_without_pixels_are_refused_even_if_truncation_is_allowed(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data, max_pixels=10**6, allow_truncated=True)
