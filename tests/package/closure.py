"""Clean environments that hold a wheel and only what it declares, linked from the running environment.

An installation by pip downloads gigabytes. Here, the distributions that the wheel requires, and those that they require
in turn, are links into the environment of the tests, and no other distribution can be imported. So a requirement that
is missing from `pyproject.toml` fails here as it would fail for a user.
"""

import subprocess
import sys
import sysconfig
import venv
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_SITE_PACKAGES = Path(sysconfig.get_path("purelib"))


def make_environment(folder: Path, wheel: Path, extras: Iterable[str] = ()) -> Path:
    """Create an environment with a wheel and the closure of its requirements; return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    site_packages = folder / _SITE_PACKAGES.relative_to(sys.prefix)
    (installed,) = distributions(path=[str(site_packages)])
    _link(closure(installed, extras), site_packages)
    return python


def closure(package: Distribution, extras: Iterable[str]) -> list[Distribution]:
    """Return the installed distributions that a package with some of its extras requires, directly or not."""
    known = {canonicalize_name(package.name): package}
    chosen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(package.name), extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in chosen:
            continue
        chosen.add((name, extra))
        for requirement in _requirements(known[name], extra):
            required = canonicalize_name(requirement.name)
            if required not in known:
                known[required] = distribution(required)
            waiting += [(required, canonicalize_name(also)) for also in ("", *requirement.extras)]
    return [found for found in known.values() if found is not package]


def _requirements(package: Distribution, extra: str) -> Iterator[Requirement]:
    """Yield the requirements that apply here, with an extra or, if it is empty, without."""
    for line in package.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _link(packages: Iterable[Distribution], site_packages: Path) -> None:
    """Link the files of packages; a folder as a whole, unless it has files of several packages, such as `google`."""
    owners = Counter(top for installed in distributions(path=[str(_SITE_PACKAGES)]) for top in _tops(installed))
    for package in packages:
        for top in _tops(package):
            if owners[top] == 1:
                (site_packages / top).symlink_to(_SITE_PACKAGES / top)
        for file in package.files or ():
            if owners[file.parts[0]] > 1:
                link = site_packages / file
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():  # opencensus and opencensus-context have a file in common
                    link.symlink_to(_SITE_PACKAGES / file)


def _tops(package: Distribution) -> Collection[str]:
    """Return the names in `site-packages` that a package installs files at or below."""
    return {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}
