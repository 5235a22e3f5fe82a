"""The file of results, which is replaced after each check, so that nothing is lost when a process is killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["Results"]


class Results:
    """Results of each section by the name of the check.

    Only one process writes at a time: that of the section that runs.

    Args:
        path: JSON file, created by the first check.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, dict[str, Any]]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def clear(self, section: str) -> None:
        """Remove the results of an earlier run of a section."""
        self._write({name: checks for name, checks in self.read().items() if name != section})

    def add(self, section: str, check: str, value: object) -> None:
        sections = self.read()
        self._write(sections | {section: sections.get(section, {}) | {check: value}})

    def _write(self, sections: dict[str, dict[str, Any]]) -> None:
        unfinished = self.path.with_name(f".{self.path.name}")
        unfinished.write_text(json.dumps(sections, indent=2) + "\n")
        unfinished.replace(self.path)
