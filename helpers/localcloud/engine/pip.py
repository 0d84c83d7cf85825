"""Reads the ``pip install`` commands of a RUN line, for an engine that executes nothing else.

Source: https://pip.pypa.io/en/stable/cli/pip_install/ (read 2026-11-24)
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Sequence

from . import NotServed

NEEDS = "it needs the sandbox engine"
SHELLS = ("sh", "bash", "dash", "ash")
PIPS = re.compile(r"(?:/usr/local/bin/)?pip[0-9.]*")
PYTHONS = re.compile(r"(?:/usr/local/bin/)?python[0-9.]*")

FLAGS = {
    *("-U", "--upgrade", "--no-deps", "--pre", "--no-cache-dir", "--no-index", "--compile"),
    *("-q", "-qq", "--quiet", "-v", "-vv", "--verbose", "--require-hashes", "--prefer-binary"),
    *("--no-compile", "--force-reinstall", "-I", "--ignore-installed", "--no-input", "--no-color"),
    *("--disable-pip-version-check", "--no-warn-script-location", "--break-system-packages"),
    *("--no-build-isolation", "--no-clean", "--no-warn-conflicts"),
}
VALUED = {
    *("-r", "--requirement", "-c", "--constraint", "-f", "--find-links", "-i", "--index-url"),
    *("--extra-index-url", "--trusted-host", "--only-binary", "--no-binary", "--progress-bar"),
    *("--root-user-action", "--timeout", "--retries", "--upgrade-strategy", "--cert", "--proxy"),
}


def installs(argv: Sequence[str]) -> list[list[str]]:
    """What a RUN asks ``pip install`` for: the arguments of each command, in order.

    ``argv`` is what the RUN would execute. Raises NotServed for anything but ``pip install``,
    ``pip3 install`` and ``python -m pip install``, joined by ``&&``.
    """
    if len(argv) == 3 and posixpath.basename(argv[0]) in SHELLS and argv[1] == "-c":
        return [_arguments(command) for command in _commands(argv[2])]
    return [_arguments(argv)]


def _commands(line: str) -> Iterable[list[str]]:
    if re.search(r"[$`\n]", line):
        raise _refused(line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise _refused(line) from error
    command: list[str] = []
    for word in (*words, "&&"):
        if word == "&&" and command:
            yield command
            command = []
        elif set(word) <= set("();<>|&") and word:
            raise _refused(line)
        else:
            command.append(word)


def _arguments(command: Sequence[str]) -> list[str]:
    match list(command):
        case [pip, "install", *arguments] if PIPS.fullmatch(pip):
            pass
        case [python, "-m", "pip", "install", *arguments] if PYTHONS.fullmatch(python):
            pass
        case _:
            raise _refused(shlex.join(command))
    waiting = iter(arguments)
    for word in waiting:
        name, is_joined, _ = word.partition("=")
        if name in VALUED:
            if not is_joined:
                next(waiting, None)
        elif word.startswith("-") and word not in FLAGS and word[:2] not in ("-r", "-c"):
            raise NotServed(f"the process engine does not serve pip install {name}: {NEEDS}")
        elif word.startswith((".", "/", "file:")) or "/" in word.partition("@")[0]:
            raise NotServed(
                f"the process engine installs no folder or file ({word}) with pip: {NEEDS}"
            )
    return arguments


def _refused(line: str) -> NotServed:
    return NotServed(
        f"the process engine executes no RUN line, it only understands pip install, and this is "
        f"more ({line}): {NEEDS}"
    )
