"""COPY and ADD: which files they name, and where those go in the image.

Semantics and texts are the classic builder's.
Source: https://docs.docker.com/reference/dockerfile/#copy and
https://github.com/moby/moby/blob/v20.10.24/builder/dockerfile/copy.go (read 2026-11-24)
"""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..engine.tree import Node, Tree, clean, join
from . import archives
from .layer import ROOT, Entry, LayerError, NewLayer, Owner, of_node


@dataclass(frozen=True)
class Source:
    """A file or directory to copy. ``path`` is as it was named, before links were followed.

    Files of an image keep their owner, files of the build context become root's.
    """

    tree: Tree
    path: str
    node: Node
    in_image: bool

    def entry(self, node: Node, path: str) -> Entry:
        """What a file of this source becomes. Raises LayerError."""
        entry = of_node(node, path)
        return entry if self.in_image else replace(entry, owner=ROOT)


@dataclass(frozen=True)
class Destination:
    """Where to copy to, and what the copies become.

    ``path`` is absolute, with a final ``/`` if the Dockerfile has one. ``owner`` is what --chown
    says, ``mode`` what --chmod says.
    """

    path: str
    owner: Owner | None = None
    mode: int | None = None

    @property
    def parents(self) -> Owner:
        """Who owns the directories that have to be made."""
        return self.owner or ROOT

    def adorn(self, entry: Entry) -> Entry:
        """An entry with this owner and mode."""
        is_link = entry.kind == tarfile.SYMTYPE
        mode = entry.mode if self.mode is None or is_link else self.mode
        return replace(entry, owner=self.owner or entry.owner, mode=mode)


def destination(requested: str, working_dir: str) -> str:
    """The absolute path that a Dockerfile's destination means."""
    if requested.startswith("/"):
        return requested
    path = posixpath.normpath(posixpath.join("/", working_dir, requested))
    return path + "/" if requested.endswith("/") and path != "/" else path


def find(tree: Tree, pattern: str, *, in_image: bool) -> list[Source]:
    """The files that one source of a COPY names, links followed inside ``tree``.

    Raises LayerError.
    """
    name = pattern.removeprefix("/").removeprefix("./")
    if posixpath.normpath(name).split("/")[0] == "..":
        raise LayerError(f"forbidden path outside the build context: {name} ()")
    if not re.search(r"[*?[]", re.sub(r"\\.", "", name)):
        return [_source(tree, name, in_image)]
    matches = _matcher(name)
    return [_source(tree, path, in_image) for path in _walk(tree, "") if matches.fullmatch(path)]


def copy(layer: NewLayer, source: Source, to: Destination, *, unpack: bool = False) -> None:
    """Copies a source into a layer; with ``unpack``, an archive is extracted as ADD does.

    Raises LayerError and OSError.
    """
    place = layer.resolve(to.path)
    if source.node.is_folder:
        layer.make_folder(place, to.parents)
        _copy_folder(layer, source, source.tree.resolve(source.path), place, to)
    elif unpack and source.node.is_file and archives.is_archive(source.node.path):
        layer.make_folder(place, to.parents)
        for name, entry in archives.members(source.node.path):
            # The archive's own links count too: an earlier member may be one on the way.
            folder, base = posixpath.split(join(place, name))
            layer.put(join(layer.resolve(folder), base), to.adorn(entry), to.parents)
    else:
        put(layer, posixpath.basename(source.path), source.entry(source.node, source.path), to)


def put(layer: NewLayer, name: str, entry: Entry, to: Destination) -> None:
    """Puts one file at a destination, under ``name`` if that is a directory. Raises LayerError."""
    place = layer.resolve(to.path)
    if to.path.endswith("/") or layer.is_folder(place):
        place = join(place, name)
    layer.put(place, to.adorn(entry), to.parents)


def _copy_folder(layer: NewLayer, source: Source, path: str, place: str, to: Destination) -> None:
    for name in source.tree.names(path):
        below = join(path, name)
        node = source.tree.node(below)
        if node is None:
            continue
        layer.put(join(place, name), to.adorn(source.entry(node, below)), to.parents)
        if node.is_folder:
            _copy_folder(layer, source, below, join(place, name), to)


def _source(tree: Tree, name: str, in_image: bool) -> Source:
    path = clean(name)
    node = tree.node(tree.resolve(path))
    if node is None:
        where = "" if in_image else "file not found in build context or excluded by .dockerignore: "
        raise LayerError(f"{where}stat {name}: file does not exist")
    return Source(tree, path, node, in_image)


def _walk(tree: Tree, path: str) -> Iterator[str]:
    for name in tree.names(path):
        child = join(path, name)
        yield child
        node = tree.node(child)
        if node is not None and node.is_folder:
            yield from _walk(tree, child)


def _matcher(pattern: str) -> re.Pattern[str]:
    """A pattern of Go's filepath.Match: no part of it matches a ``/``. Raises LayerError."""
    parts = re.findall(
        r"\*|\?|\[\^?(?:\\.|[^]\\])+\]|\\.|.", posixpath.normpath(pattern), re.DOTALL
    )
    try:
        return re.compile("".join(_part(part) for part in parts))
    except re.error as error:
        raise LayerError(f"syntax error in pattern: {pattern}") from error


def _part(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith("[") and len(part) > 1:
        negation, inside = re.fullmatch(r"\[(\^?)(.*)\]", part, re.DOTALL).groups()  # type: ignore[union-attr]
        members = re.findall(r"\\.|.", inside, re.DOTALL)
        return "(?!/)[" + negation + "".join(_member(member) for member in members) + "]"
    return re.escape(part[-1])


def _member(member: str) -> str:
    return member if member == "-" else re.escape(member[-1])
