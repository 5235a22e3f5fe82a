"""Uploaded pictures: held in memory for some time, within limits, and never on disk."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Upload", "Uploads"]

_BYTES = 256_000_000
"""Bytes of all uploads that are held; those that were not used for longest go first."""

_NUMBER = 200


@dataclass(frozen=True)
class Upload:
    """An uploaded picture: the name of its file, as the browser gave it, and its content."""

    name: str
    content: bytes


class Uploads:
    """The uploads that are held, by keys that nobody can guess.

    Args:
        seconds: Time after its last use at which an upload is forgotten.
        clock: Returns the time in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._held: OrderedDict[str, tuple[float, Upload]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, upload: Upload) -> str:
        """Hold an upload, and return its key."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._held[key] = self._clock(), upload
            self._forget()
        return key

    def get(self, key: str) -> Upload | None:
        """Return an upload, which is used by that; None if it is forgotten."""
        with self._lock:
            self._forget()
            if key not in self._held:
                return None
            _, upload = self._held.pop(key)
            self._held[key] = self._clock(), upload
            return upload

    def _forget(self) -> None:
        """Forget what is too old or too much; the upload that was used last is held, however large it is."""
        oldest = self._clock() - self._seconds
        size = sum(len(upload.content) for _, upload in self._held.values())
        for key, (used, upload) in list(self._held.items()):
            crowded = (size > _BYTES or len(self._held) > _NUMBER) and len(self._held) > 1
            if used >= oldest and not crowded:
                return
            size -= len(upload.content)
            del self._held[key]
