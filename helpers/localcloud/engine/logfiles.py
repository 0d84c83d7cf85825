"""Follows the files that a container writes below a folder, as logs are followed.

Source: https://docs.cloud.google.com/run/docs/logging, "Any files under the /var/log directory"
(read 2026-11-25)
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable

FOLDER = "/var/log"
MOST_AT_ONCE = 1 << 20
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER_FLAGS = READ_FLAGS | os.O_DIRECTORY


class LogFiles:
    """The files below an open folder, which is closed at the end.

    ``take`` gets a file's name, as the container knows it below FOLDER, and what it was given.
    No symbolic link is followed: it could lead to this machine's files. As long as the folder is
    open, what is there can be read after the container's end.
    """

    def __init__(self, folder: int, take: Callable[[str, bytes], None]) -> None:
        self._folder = folder
        self._take = take
        self._read: dict[str, tuple[int, int]] = {}

    def read(self) -> None:
        """Hands over what is new."""
        self._look(self._folder, FOLDER)

    def close(self) -> None:
        """Reads for the last time and lets go."""
        self.read()
        os.close(self._folder)

    def _look(self, folder: int, path: str) -> None:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                with contextlib.suppress(OSError):
                    self._entry(folder, entry, f"{path}/{entry.name}")

    def _entry(self, folder: int, entry: os.DirEntry[str], path: str) -> None:
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.is_file(follow_symlinks=False):
            return
        opened = os.open(entry.name, FOLDER_FLAGS if is_folder else READ_FLAGS, dir_fd=folder)
        try:
            if is_folder:
                self._look(opened, path)
            else:
                self._new(opened, path)
        finally:
            os.close(opened)

    def _new(self, opened: int, path: str) -> None:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            return
        inode, begin = self._read.get(path, (found.st_ino, 0))
        if inode != found.st_ino or begin > found.st_size:
            begin = 0  # Another file took its place, or it was emptied.
        while begin < found.st_size and (data := os.pread(opened, MOST_AT_ONCE, begin)):
            begin += len(data)
            self._take(path, data)
        self._read[path] = (found.st_ino, begin)
