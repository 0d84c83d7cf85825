"""Copies files of this machine into a folder so that the same files make the same folder."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """Copies a file's bytes, its time in seconds and whether it can be executed.

    Links are followed. Folders above it are made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    found = source.stat()
    target.chmod(0o755 if found.st_mode & stat.S_IXUSR else 0o644)
    os.utime(target, (int(found.st_mtime), int(found.st_mtime)))


def copy_tree(source: Path, target: Path, wanted: Callable[[str], bool]) -> None:
    """Copies a folder. ``wanted`` is asked with each path relative to it, folders included."""
    for path, folders, names in os.walk(source):
        prefix = "" if path == str(source) else f"{os.path.relpath(path, source)}/"
        folders[:] = [name for name in folders if wanted(prefix + name)]
        for name in names:
            file = Path(path, name)
            if wanted(prefix + name) and file.is_file():
                copy(file, target / f"{prefix}{name}")


def write(target: Path, text: str, *, executable: bool = False) -> None:
    """Writes a file that depends on nothing but its text."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o755 if executable else 0o644)
    os.utime(target, (0, 0))


def link(target: Path, to: str) -> None:
    """Makes a symbolic link, in place of what was there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(to)


def settle(folder: Path) -> None:
    """Gives folders and links, whose times say only when they were copied, one fixed time."""
    for path, folders, names in os.walk(folder, topdown=False):
        for name in (*folders, *names):
            entry = os.path.join(path, name)
            if os.path.islink(entry) or name in folders:
                os.utime(entry, (0, 0), follow_symlinks=False)
