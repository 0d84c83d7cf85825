"""Commands as a learner types them, one after the other, each with all that it must print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.clients.gcloud.conftest import Gcloud

Names = dict[str, Any]

AUTHENTICATED = (
    "This command is authenticated as learner@example.com which is the active account specified by"
    " the [core/account] property"
)
"""What gcloud adds to the message of a server that refuses or doesn't find something."""

NO_PROJECT = """
Permission denied on resource project nothing-here.
Google developers console
https://console.developers.google.com
- '@type': type.googleapis.com/google.rpc.ErrorInfo
domain: googleapis.com
metadata:
consumer: projects/nothing-here
containerInfo: nothing-here
reason: CONSUMER_INVALID
"""
"""What gcloud prints below the message about a project that does not exist."""


@dataclass(frozen=True)
class Row:
    """One command: its texts on standard output and standard error, and its exit code.

    ``{name}`` stands for something known, in the command too; ``<name>`` is the same, or something
    new, known by that name from there on; ``…`` is anything in a line, and on a line of its own any
    lines. ``effect`` looks with another client whether the command did what it says; it gets the
    names.
    """

    command: str
    prints: str = ""
    says: str = ""
    code: int = 0
    effect: Callable[[Names], object] | None = None
    environ: dict[str, str] = field(default_factory=dict)


def play(gcloud: Gcloud, rows: Sequence[Row], **names: Any) -> Names:
    """Runs the rows in order. Returns the names that are known at the end."""
    names = {"project": gcloud.project, "authenticated": AUTHENTICATED, **names}
    for row in rows:
        command = row.command.format_map(names)
        environ = {key: value.format_map(names) for key, value in row.environ.items()}
        done = gcloud.run(*shlex.split(command), stdin="", cwd=None, **environ)
        told = f"gcloud {command}\nexit code {done.returncode}\n{done.stdout}--\n{done.stderr}"
        assert done.returncode == row.code, told
        for wanted, found in ((row.prints, done.stdout), (row.says, done.stderr)):
            match = re.fullmatch(_pattern(wanted, names), _tidy(found))
            assert match is not None, f"{told}\nwanted:\n{wanted.format_map(names)}"
            names |= match.groupdict()
        if row.effect is not None:
            assert row.effect(names), f"no effect: {told}"
    return names


def _tidy(text: str) -> str:
    """A text without the spaces of tables, and without empty lines and the dots of progress."""
    lines = [" ".join(line.split()).lstrip(".") for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


def _pattern(wanted: str, names: Names) -> str:
    pattern = ""
    for line in _tidy(wanted.format_map(names)).splitlines():
        if line == "…":
            pattern += r"(?:.*\n)*?"
            continue
        for part in re.split(r"(…|<[a-z_]+>)", line):
            if part == "…":
                pattern += ".*?"
            elif re.fullmatch("<[a-z_]+>", part):
                name = part[1:-1]
                if name in names:
                    pattern += re.escape(str(names[name]))
                elif f"(?P{part}" in pattern:
                    pattern += f"(?P={name})"
                else:
                    pattern += f"(?P{part}[^ ]+?)"
            else:
                pattern += re.escape(part)
        pattern += r"\n"
    return pattern
