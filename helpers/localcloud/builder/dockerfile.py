"""A Dockerfile read into stages of instructions, with Docker's own words for what is wrong in it.

The grammar (comments, continuations, quotes, JSON form, flags, heredocs) is the library's, a port
of BuildKit's parser. What is checked here is what Docker checks after that, before a step runs.
Source: https://github.com/moby/buildkit/blob/master/frontend/dockerfile/instructions/parse.go
(read 2026-11-24)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from e2b_dockerfile_utils import (
    DockerfileAst,
    DockerfileHeredoc,
    DockerfileInstruction,
    DockerfileSyntaxError,
    chomp_heredoc_content,
    parse_dockerfile_ast,
)

from .errors import BuildFailed

STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
FLAGS = {
    "FROM": ("platform",),
    "COPY": ("from", "chown", "chmod"),
    "ADD": ("chown", "chmod"),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
}
BUILDKIT_FLAGS = {
    "RUN": ("mount", "network", "security", "device"),
    "COPY": ("link", "parents", "exclude"),
    "ADD": ("link", "keep-git-dir", "checksum", "exclude", "unpack"),
}
AT_LEAST_ONE = ("ENV", "LABEL", "ARG", "EXPOSE", "VOLUME", "HEALTHCHECK", "SHELL")
EXACTLY_ONE = ("MAINTAINER", "WORKDIR", "USER", "STOPSIGNAL")


class DockerfileError(BuildFailed):
    """A Dockerfile that cannot be built at all; the text is Docker's and names the line."""

    def __init__(self, message: str, line: int) -> None:
        self.message = message
        super().__init__(f"dockerfile parse error line {line}: {message}")


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    ``text`` is the line as a build log shows it, continuations joined. ``args`` are unexpanded;
    those of ENV and LABEL are name, value, name, value… ``exec_form`` tells JSON from shell form.
    """

    name: str
    text: str
    line: int
    args: tuple[str, ...]
    flags: Mapping[str, str]
    exec_form: bool
    heredocs: tuple[DockerfileHeredoc, ...] = ()


@dataclass(frozen=True)
class StagePlan:
    """What one FROM begins. ``name`` is empty for a stage without AS."""

    name: str
    base: str
    start: Instruction
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Dockerfile:
    """A whole file. ``arguments`` are the ARGs before the first FROM."""

    escape: str
    arguments: tuple[Instruction, ...]
    stages: tuple[StagePlan, ...]
    warnings: tuple[str, ...]

    def up_to(self, target: str) -> tuple[StagePlan, ...]:
        """The stages a build of ``target`` runs: all before it and itself; all if it is empty.

        A target is the name of a stage or its number. Raises BuildFailed if there is none.
        """
        if not target:
            return self.stages
        for number, stage in enumerate(self.stages):
            if stage.name == target.lower() or str(number) == target:
                return self.stages[: number + 1]
        raise BuildFailed(f"failed to reach build target {target} in Dockerfile")


def parse(content: bytes) -> Dockerfile:
    """Reads a Dockerfile. Raises DockerfileError."""
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise DockerfileError("the file is not UTF-8 text", line)
    ast = _ast(content.decode("utf-8", errors="replace"))
    if not ast.instructions:
        raise DockerfileError("file with no instructions", 1)

    arguments: list[Instruction] = []
    started: list[tuple[Instruction, list[Instruction]]] = []
    for parsed in ast.instructions:
        instruction = _checked(parsed)
        if instruction.name == "FROM":
            started.append((instruction, []))
        elif started:
            started[-1][1].append(instruction)
        elif instruction.name == "ARG":
            arguments.append(instruction)
        else:
            raise DockerfileError("no build stage in current context", instruction.line)
    return Dockerfile(
        ast.escape_token,
        tuple(arguments),
        tuple(_stages(started)),
        tuple(f"[WARNING]: {warning.message}" for warning in ast.warnings),
    )


def trigger(expression: str) -> Instruction:
    """The instruction that an image's ONBUILD recorded. Raises DockerfileError."""
    return _checked(_ast(expression).instructions[0])


def _ast(text: str) -> DockerfileAst:
    try:
        return parse_dockerfile_ast(text)
    except DockerfileSyntaxError as error:
        line = error.line or 1
        message = str(error).removeprefix(f"Dockerfile parse error on line {line}: ")
        raise DockerfileError(message, line) from None


def _stages(started: list[tuple[Instruction, list[Instruction]]]) -> list[StagePlan]:
    stages: list[StagePlan] = []
    for start, instructions in started:
        name = start.args[2].lower() if len(start.args) == 3 else ""
        if name and any(stage.name == name for stage in stages):
            raise DockerfileError(f"{name} stage name already used", start.line)
        stages.append(StagePlan(name, start.args[0], start, tuple(instructions)))
    return stages


def _checked(parsed: DockerfileInstruction) -> Instruction:
    name, line = parsed.name, parsed.start_line
    # The library hands out name, value, separator; the separator says nothing that is needed.
    args = [arg for i, arg in enumerate(parsed.args) if name not in ("ENV", "LABEL") or i % 3 < 2]
    text = parsed.original.strip()
    if name == "ONBUILD":
        args = [_onbuild(text, line)]
    instruction = Instruction(
        name, text, line, tuple(args), _flags(parsed), parsed.json, tuple(parsed.heredocs)
    )
    problem = _problem(instruction)
    if problem:
        raise DockerfileError(problem, line)
    return instruction


def _problem(instruction: Instruction) -> str:
    """What Docker says about the arguments of an instruction, nothing if they are well."""
    name, args = instruction.name, instruction.args
    if name in AT_LEAST_ONE and not args:
        return f"{name} requires at least one argument"
    if name in EXACTLY_ONE and len(args) != 1:
        return f"{name} requires exactly one argument"
    if name in ("COPY", "ADD") and len(args) < 2:
        return (
            f"{name} requires at least two arguments, but only one was provided. "
            "Destination could not be determined."
        )
    if name == "FROM":
        if len(args) not in (1, 3) or (len(args) == 3 and args[1].lower() != "as"):
            return "FROM requires either one or three arguments"
        if len(args) == 3 and not STAGE_NAME.fullmatch(args[2].lower()):
            return (
                f'invalid name for build stage: "{args[2]}", '
                "name can't start with a number or contain symbols"
            )
    if name in ("ENV", "LABEL") and not all(args[::2]):
        return f"{name} names can not be blank"
    if name == "ARG" and any(arg.startswith("=") for arg in args):
        return "ARG names can not be blank"
    if name == "SHELL" and not instruction.exec_form:
        return f"SHELL requires the arguments to be in JSON form (not {instruction.text})"
    if name == "VOLUME" and not all(arg.strip() for arg in args):
        return "VOLUME specified can not be an empty string"
    if name == "HEALTHCHECK":
        return _healthcheck_problem(args)
    return ""


def _healthcheck_problem(args: tuple[str, ...]) -> str:
    kind = args[0].upper()
    if kind == "NONE":
        return "HEALTHCHECK NONE takes no arguments" if len(args) > 1 else ""
    if kind != "CMD":
        return f'Unknown type "{kind}" in HEALTHCHECK (try CMD)'
    return "" if len(args) > 1 else "Missing command after HEALTHCHECK CMD"


def _flags(parsed: DockerfileInstruction) -> dict[str, str]:
    known = (*FLAGS.get(parsed.name, ()), *BUILDKIT_FLAGS.get(parsed.name, ()))
    flags: dict[str, str] = {}
    for flag in parsed.flags:
        name, separator, value = flag.removeprefix("--").partition("=")
        if name not in known:
            raise DockerfileError(f"unknown flag: --{name}", parsed.start_line)
        if name in FLAGS.get(parsed.name, ()) and not separator:
            raise DockerfileError(f"missing a value on flag: --{name}", parsed.start_line)
        if name in flags and name not in ("mount", "exclude"):
            raise DockerfileError(f"duplicate flag specified: --{name}", parsed.start_line)
        flags[name] = value
    return flags


def _onbuild(text: str, line: int) -> str:
    expression = re.sub(r"(?i)^\s*ONBUILD\s*", "", text)
    if not expression:
        raise DockerfileError("ONBUILD requires at least one argument", line)
    name = expression.split()[0].upper()
    if name == "ONBUILD":
        raise DockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", line)
    if name in ("MAINTAINER", "FROM"):
        raise DockerfileError(f"{name} isn't allowed as an ONBUILD trigger", line)
    try:
        trigger(expression)
    except DockerfileError as error:
        raise DockerfileError(error.message, line) from None
    return expression


def body(heredoc: DockerfileHeredoc) -> str:
    """The text of a heredoc, without its leading tabs if it began with ``<<-``."""
    return chomp_heredoc_content(heredoc.content) if heredoc.chomp else heredoc.content
