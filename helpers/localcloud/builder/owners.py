"""Users and groups by name, as an image's /etc/passwd and /etc/group have them."""

from __future__ import annotations

import re

from ..engine.tree import Tree
from .errors import BuildFailed
from .layer import Owner


def owner(chown: str, tree: Tree) -> Owner:
    """The owner that --chown names: ``user``, ``uid``, ``user:group`` and so on.

    Without a group, the group is the one with the user's name or number. Raises BuildFailed.

    Source: https://github.com/moby/moby/blob/v20.10.24/builder/dockerfile/internals_linux.go
    (read 2026-11-24)
    """
    parts = chown.split(":")
    if len(parts) > 2:
        raise BuildFailed(f"invalid chown string format: {chown}")
    return (
        _number(parts[0], tree, "etc/passwd", "user", "uid"),
        _number(parts[-1], tree, "etc/group", "group", "gid"),
    )


def home(user: str, tree: Tree) -> str:
    """The home directory of what USER says, ``/`` if the image does not know that user."""
    name = user.partition(":")[0] or "0"
    for fields in _lines(tree, "etc/passwd"):
        if len(fields) > 5 and name in (fields[0], fields[2]):
            return fields[5] or "/"
    return "/root" if name in ("0", "root") else "/"


def _number(name: str, tree: Tree, file: str, kind: str, number: str) -> int:
    if re.fullmatch(r"\d{1,10}", name):
        return int(name)
    for fields in _lines(tree, file):
        if fields[0] == name and len(fields) > 2 and fields[2].isdecimal():
            return int(fields[2])
    raise BuildFailed(
        "unable to convert uid/gid chown string to host mapping: "
        f"can't find {number} for {kind} {name}: no such {kind}: {name}"
    )


def _lines(tree: Tree, file: str) -> list[list[str]]:
    node = tree.node(tree.resolve(file))
    if node is None or not node.is_file:
        return []
    return [line.split(":") for line in node.path.read_text(errors="replace").splitlines()]
