"""The build context: which files of a folder are sent to a build, and how large they are."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from e2b_dockerfile_utils import PatternMatcher

from ..engine.tree import Tree, join

BLOCK = 512


@dataclass(frozen=True)
class Context:
    """A folder without what its .dockerignore leaves out.

    ``size`` is the length in bytes of the tar archive that docker's client would send.
    """

    tree: Tree
    size: int


def read(folder: Path, dockerfile: str) -> Context:
    """Walks a folder.

    The Dockerfile and .dockerignore are always sent, but an ignored one cannot be copied. Raises
    OSError, and ValueError for a pattern that cannot be understood.

    Source: https://docs.docker.com/build/concepts/context/#dockerignore-files (read 2026-11-24)
    """
    matcher = PatternMatcher(_patterns(folder))
    included: set[str] = set()
    size = 2 * BLOCK
    pending = [""]
    while pending:
        parent = pending.pop()
        for entry in os.scandir(folder / parent):
            path = join(parent, entry.name)
            status = entry.stat(follow_symlinks=False)
            ignored = matcher.matches(path)
            if stat.S_ISDIR(status.st_mode) and (not ignored or matcher.may_match_under(path)):
                pending.append(path)
            if not ignored:
                included.update(_with_parents(path))
            if not ignored or path in (dockerfile, ".dockerignore"):
                size += BLOCK + (_padded(status.st_size) if stat.S_ISREG(status.st_mode) else 0)
    return Context(Tree([folder], included), size)


def human_size(size: float) -> str:
    """A size as docker prints it, for instance ``12.29kB``: decimal units, four digits."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.4g}{unit}"
        size /= 1000
    return f"{size:.4g}GB"


def _patterns(folder: Path) -> list[str]:
    try:
        text = (folder / ".dockerignore").read_text("utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return text.splitlines()


def _with_parents(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:length]) for length in range(1, len(names) + 1)]


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
