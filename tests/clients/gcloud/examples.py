"""The examples that ``gcloud help`` prints: what it prints, the table that classes them, a runner.

``examples.toml`` is the table; ``preparations.py`` makes what an example takes for granted.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import signal
import subprocess
import textwrap
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.localcloud.home import Home
from tests.clients.gcloud import preparations

TABLE: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("examples.toml").read_text(encoding="utf-8")
)
PATIENCE = 120.0
"""Seconds that an example may take."""

PROPERTIES = {
    "CLOUDSDK_CORE_PROJECT": preparations.PROJECT,
    "CLOUDSDK_RUN_REGION": preparations.RUN_REGION,
    "CLOUDSDK_ARTIFACTS_LOCATION": preparations.LOCATION,
    "CLOUDSDK_ARTIFACTS_REPOSITORY": "my-repository",
}
"""What the examples mean by the default project, region, location and repository."""


@dataclass(frozen=True)
class Example:
    """One example of a command's help, as the table has it."""

    command: str
    text: str
    outcome: str
    prints: str = ""
    needs: Sequence[str] = ()
    answers: Sequence[str] = ()
    exit: int = 0
    missing: str = ""
    because: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def refused(self) -> bool:
        """Whether the local cloud lacks what it needs."""
        return self.outcome == "refused"


@dataclass(frozen=True)
class Ended:
    """What came of an example; ``code`` is None if nobody waited for its end."""

    example: Example
    code: int | None
    output: str
    seconds: float

    @property
    def as_classed(self) -> bool:
        """Whether it printed what it should, and ended as its class says."""
        right = self.code != 0 if self.example.refused else self.code == self.example.exit
        return right and self.example.prints in self.output


def commands() -> list[str]:
    """The commands that the table is about."""
    return [command["name"] for command in TABLE["command"]]


def examples() -> list[Example]:
    """The examples of the table."""
    found = []
    for command in TABLE["command"]:
        for row in command["example"]:
            fields = dict(row)
            found.append(Example(command["name"], outcome=fields.pop("class"), **fields))
    return found


# What gcloud prints


def printed(folder: Path) -> dict[str, list[str]]:
    """The examples in the help of each command of the table, written by gcloud into a folder.

    One process writes all of it: ``--help`` of every command would take a minute. A command whose
    help has no example stands for itself.
    """
    dotted = ["gcloud." + name.replace(" ", ".") for name in commands()]
    subprocess.run(
        ["gcloud", "meta", "generate-help-docs", f"--help-text-dir={folder}", *dotted],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    found = {}
    for name in commands():
        text = (folder / name.replace(" ", "/")).read_text(encoding="utf-8")
        found[name] = list(_examples(text)) or [f"gcloud {name}"]
    return found


def _examples(help_text: str) -> Iterator[str]:
    """The command lines of the section EXAMPLES, each joined to one line as a shell does."""
    section = re.search(r"^EXAMPLES\n(.*?)(?=^\S|\Z)", help_text, re.MULTILINE | re.DOTALL)
    if section is None:
        return
    for paragraph in textwrap.dedent(section[1]).split("\n\n"):
        lines = textwrap.dedent(paragraph)
        if lines.startswith("$ "):
            for command in re.split(r"^\$ ", lines, flags=re.MULTILINE)[1:]:
                yield " ".join(command.replace("\\\n", "").split())


# Running them


def run(example: Example, home: Home, folder: Path) -> Ended:
    """Run an example in a shell whose home and working folder is ``folder``, inside a local cloud.

    This process must be inside the cloud of ``home``. A refused example is watched request by
    request and ended as soon as it has got its refusal: gcloud would repeat the request for half
    a minute.
    """
    config = folder / ".config" / "gcloud"
    shutil.copytree(home.gcloud, config)
    values = dict(TABLE["placeholders"])
    for need in example.needs:
        values |= getattr(preparations, need)(folder)
    line = example.text
    for placeholder in sorted(values, key=len, reverse=True):
        line = line.replace(placeholder, values[placeholder])
    environ = {
        **os.environ,
        **PROPERTIES,
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(config),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "" if example.answers else "1",
        "CLOUDSDK_CORE_LOG_HTTP": "1" if example.refused else "",
    }
    began = time.perf_counter()
    ours, theirs = pty.openpty() if example.answers else os.pipe()
    with open(ours, "r+b" if example.answers else "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            ["sh", "-c", line],
            cwd=folder,
            env=environ,
            stdin=theirs if example.answers else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        for answer in example.answers:
            terminal.write(f"{answer}\n".encode())
        output = b""
        while data := _read(terminal):
            output += data
            if example.refused and example.prints.encode() in output:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(PATIENCE)
                return Ended(example, None, _plain(output), time.perf_counter() - began)
    code = process.wait(PATIENCE)
    return Ended(example, code, _plain(output), time.perf_counter() - began)


def _read(terminal: io.RawIOBase) -> bytes:
    """More of what a command prints; a terminal that nobody has open any more is an error."""
    try:
        return terminal.read(65536) or b""
    except OSError:
        return b""


def _plain(output: bytes) -> str:
    """What a command prints, without the escapes that make it bold."""
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode())
