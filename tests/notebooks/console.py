"""The ```` ```console ```` blocks of the lessons: finding them, typing them, comparing them.

A block is commands, each after ``$ ``, and under each what it prints, standard output and standard
error together. ``...`` there stands for anything, as in doctest. A comment right before a block,
``<!-- not run: REASON -->``, keeps it from being typed. What stands in a block quote is a quotation
of the wiki, and no block.
"""

from __future__ import annotations

import difflib
import doctest
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

FENCED = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+) -->\n)?```(?P<kind>.*)\n(?P<text>(?:.*\n)*?)```$",
    re.MULTILINE,
)
COMMAND = re.compile(r"^\$ (?P<line>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""Bold and colours: gcloud prints them into a file, too."""

MARK = "\x1e"
SHOW_STATUS = f"mark() {{ local s=$?; printf '{MARK}%s{MARK}' $s; return $s; }}"
"""Said to the shell first: ``mark`` prints the exit status of the command before it, and keeps it
for an ``echo $?`` in the block."""


@dataclass(frozen=True)
class Command:
    """A command of a block: as it is typed, and what the block shows under it."""

    line: str
    output: str


@dataclass(frozen=True)
class Block:
    """A console block; ``not_run`` is the reason for which it is not typed, if there is one."""

    commands: tuple[Command, ...]
    not_run: str


@dataclass(frozen=True)
class Printed:
    """What a command printed, without styles and without blanks at the ends of its lines."""

    text: str
    status: int


def blocks(markdown: str) -> list[Block]:
    """Return the console blocks of a Markdown cell, those that are not run too."""
    found = []
    for fenced in FENCED.finditer(markdown):
        if fenced["kind"] == "console":
            commands = tuple(Command(**one.groupdict()) for one in COMMAND.finditer(fenced["text"]))
            found.append(Block(commands, fenced["reason"] or ""))
    return found


def blocks_of(notebook: Path) -> list[Block]:
    """Return the console blocks of a notebook, in order."""
    cells = nbformat.read(notebook, as_version=4).cells
    sources = (cell.source for cell in cells if cell.cell_type == "markdown")
    return [block for source in sources for block in blocks(source)]


def commands_outside(markdown: str) -> list[str]:
    """Return the commands of a Markdown cell that stand in no console block and in no quotation."""
    rest = FENCED.sub(lambda one: "" if one["kind"] == "console" else one["text"], markdown)
    return re.findall(r"^\s*\$ .*", rest, re.MULTILINE)


def surroundings(home: Path) -> dict[str, str]:
    """Return the variables of a learner's terminal, whose home folder is the empty ``home``.

    curl prints no progress where its output goes to a terminal, so here it is told to print none.
    """
    (home / ".curlrc").write_text("no-progress-meter\n")
    own = {"HOME": str(home), "CURL_HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    return {**os.environ, **own}


def typed(commands: Sequence[Command], folder: Path, home: Path) -> list[Printed]:
    """Type ``commands`` into one shell in the cloud that ``LOCALCLOUD_HOME`` names.

    Args:
        commands: what to type, in order.
        folder: where the shell starts.
        home: an empty folder that is the shell's home folder.
    """
    script = "\n".join([SHOW_STATUS, *(f"{command.line}\nmark" for command in commands)])
    done = subprocess.run(
        [sys.executable, "-m", "helpers.localcloud", "exec", "--", "bash", "-c", script],
        cwd=folder,
        env=surroundings(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    *parts, rest = done.stdout.split(MARK)
    assert len(parts) == 2 * len(commands), f"the shell ended early: {done.stdout}"
    assert not rest, rest
    texts = [_plain(text) for text in parts[::2]]
    return [Printed(*one) for one in zip(texts, map(int, parts[1::2]), strict=True)]


def _plain(text: str) -> str:
    lines = [line.rstrip() for line in STYLE.sub("", text).rstrip().split("\n")]
    return "".join(f"{line}\n" for line in lines if line or len(lines) > 1)


def difference(command: Command, printed: Printed) -> str:
    """Return how what a command printed differs from the block, or nothing.

    A command may fail only where the block shows an error, so that ``...`` never hides one.
    """
    same = doctest.OutputChecker().check_output(command.output, printed.text, doctest.ELLIPSIS)
    if same and (printed.status == 0 or "ERROR" in command.output):
        return ""
    shown, got = command.output.splitlines(), printed.text.splitlines()
    compared = "\n".join(difflib.unified_diff(shown, got, "the block", "printed", lineterm=""))
    return f"$ {command.line}\nexit status {printed.status}\n{compared}"
