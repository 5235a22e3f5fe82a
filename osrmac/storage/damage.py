"""What to do about a damaged file of a run, by the part of the run that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from osrmac.errors import DamagedFileError, reason

__all__ = ["damaged", "expected_content"]

_ADVICE = {
    "manifest": "restore it from a copy; without one, remove it and run osrmac verify",
    "descriptors": "remove it and run the same osrmac extract again, which describes its images again",
    "queries": "remove it and run osrmac evaluate again",
    "selection": "remove it and run the osrmac fit or fit-weights again that wrote it",
    "reduced": "remove it and run osrmac fit again",
    "calibration": "remove it and run osrmac duplicates again",
    "duplicates": "remove it and run osrmac duplicates again",
    "index": "remove it and run osrmac index again",
    "overview": "remove it and run osrmac overview again",
    "evaluation": "remove it and run osrmac evaluate again",
    "removed": "restore it from a copy, or remove it: images that were removed from the run are then described again",
    "prune": "restore it from a copy, or remove the images again with osrmac prune once prune.json is removed",
    "run.json": "restore it from a copy, or remove it and run the same osrmac extract again, which writes a new one",
    "report.html": "run osrmac report again",
}
"""The way out, by the name of the file or of a folder above it."""


def damaged(url: str, problem: str) -> DamagedFileError:
    """Return the error for a damaged file, which says what to do.

    Args:
        url: Path or URL of the file.
        problem: What is wrong with it, on one line.
    """
    part = next((name for name in reversed(PurePosixPath(url).parts) if name in _ADVICE), None)
    advice = _ADVICE[part] if part else "restore it from a copy, or remove it"
    return DamagedFileError(f"{url} is damaged ({problem}): {advice}")


@contextmanager
def expected_content(url: str) -> Iterator[None]:
    """Raise DamagedFileError where a JSON file lacks values, or a file beside it, that its reader expects."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, FileNotFoundError) as error:
        raise damaged(url, reason(error)) from error
