"""Which packages a step may ask pip for: names in its command and in the files that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from string import Template

from ..engine.tree import Node, Tree, clean, join

LARGEST = 64_000
MOST_FILES = 20
PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
BUILD_BACKENDS = ("setuptools", "wheel")
"""What pip itself asks for when it builds a project that names no other backend."""

WORD = re.compile(r"[^\s'\";&|()<>=]+")
NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?(?:\[[\w,. -]*\])?")


def named(tree: Tree, working_dir: str, texts: Iterable[str], env: Mapping[str, str]) -> list[str]:
    """Words that may be names of packages, sorted.

    ``texts`` are what the step executes. Files they name are read, and files that those name:
    requirements, scripts, a project's own. Most of the words are no packages at all; whoever
    looks for packages of these names will not find them.
    """
    text = Template(" ".join(texts)).safe_substitute(env)
    folders = {clean(working_dir)}
    for word in _words(text):
        path, node = _look_up(tree, clean(working_dir), word)
        if node is not None and node.is_folder:
            folders.add(path)
    names = set(NAME.findall(text))
    for content in _contents(tree, folders, text):
        names.update(NAME.findall(content))
    if any(tree.node(join(folder, file)) for folder in folders for file in PROJECT_FILES):
        names.update(BUILD_BACKENDS)
    return sorted(names)


def _contents(tree: Tree, folders: Iterable[str], text: str) -> Iterator[str]:
    """Every small text that a word of ``text``, or of such a text, names."""
    waiting = [(folder, word) for folder in folders for word in (*_words(text), *PROJECT_FILES)]
    seen: set[str] = set()
    while waiting and len(seen) < MOST_FILES:
        path, node = _look_up(tree, *waiting.pop(0))
        if path in seen or node is None or not node.is_file or node.stat.st_size > LARGEST:
            continue
        seen.add(path)
        content = node.path.read_text(errors="replace")
        if "\0" in content:
            continue
        yield content
        folder = path.rpartition("/")[0]
        waiting += [(folder, word) for word in _words(content) if "." in word or "/" in word]


def _words(text: str) -> list[str]:
    return [word for word in WORD.findall(text) if len(word) < 256 and "\0" not in word]


def _look_up(tree: Tree, folder: str, word: str) -> tuple[str, Node | None]:
    try:
        path = tree.resolve(clean(word if word.startswith("/") else f"{folder}/{word}"))
        return path, tree.node(path)
    except OSError:
        return "", None
