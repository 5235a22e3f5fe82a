"""Print what the changelog says of a version, for its release; exit with a message if the tag is of another one."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def release_notes(tag: str) -> str:
    """Return the section of a tag such as v0.2.0."""
    version = re.search(r'^__version__ = "(.+)"$', (ROOT / "osrmac" / "__init__.py").read_text(), re.MULTILINE)
    if version is None or tag != f"v{version[1]}":
        sys.exit(f"the tag {tag} is not of version {version and version[1]}, that of osrmac/__init__.py")
    sections = re.split(r"^## |^\[[\d.]+\]: ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    notes = [section for section in sections if section.startswith(f"[{version[1]}] - ")]
    if not notes:
        sys.exit(f"CHANGELOG.md has no section ## [{version[1]}] - DATE")
    return notes[0].partition("\n")[2].strip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(release_notes(sys.argv[1]))
