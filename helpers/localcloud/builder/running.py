"""RUN: a command inside the image so far, its changes kept as a layer."""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from e2b_dockerfile_utils import parse_heredoc

from ..engine import CannotStart, Command, Engine, Exit, NotServed, Rootfs
from ..engine.layers import Layers
from ..engine.program import MISSING
from ..engine.wheels import wheels as make_wheels
from . import packages
from .dockerfile import BUILDKIT_FLAGS, Instruction, body
from .errors import BuildFailed, BuildStopped, needs_buildkit
from .owners import home
from .requirements import named
from .settings import command
from .stage import Layer, Stage

SCRIPTS = "/run/heredoc"
NOT_FOUND = re.compile(rb"\b(apk|apt-get|apt|dpkg|dnf|microdnf|yum)\b.*not found")


@dataclass(frozen=True)
class Step:
    """A command to run: what the log and the history call it is ``argv`` joined by spaces."""

    argv: tuple[str, ...]
    script: tuple[str, str] | None = None
    """Name and text of a file that the command executes."""
    line: int = 0
    """Where it begins in the Dockerfile."""


@dataclass(frozen=True)
class Runner:
    """Runs the commands of one build. ``stop`` kills the one that runs.

    ``wheels`` is a folder that keeps the packages of this environment, packed once.
    """

    engine: Engine
    layers: Layers
    wheels: Path
    log: Callable[[str], None]
    stop: asyncio.Event

    async def run(self, stage: Stage, step: Step, arguments: Mapping[str, str]) -> Layer | None:
        """Runs one command; None if it changed no file.

        Raises BuildFailed, after a line on what could help where that is known, and BuildStopped.
        """
        user = str(stage.settings.get("User") or "")
        env = {"HOME": home(user, stage.tree), **arguments, **stage.env}
        run = Command(step.argv, env, stage.working_dir, user)
        texts = [*step.argv, step.script[1] if step.script else ""]
        watch = _Watch(self.log)
        with tempfile.TemporaryDirectory() as folder:
            binds = _scripts(step, Path(folder))
            wheels = Path(folder, "wheels")
            names = await asyncio.to_thread(named, stage.tree, stage.working_dir, texts, env)
            await asyncio.to_thread(self._collect, names, wheels)
            try:
                source = packages.offline(wheels)
                layer, end = await self._try(stage.lowers, run, source, binds, watch)
                if end.code and watch.package_missing:
                    online = await self._online(wheels)
                    if online is not None:
                        layer, end = await self._try(stage.lowers, run, online, binds, watch)
            except NotServed as error:
                raise BuildFailed(f"Dockerfile line {step.line}: {error}") from error
            except CannotStart as error:
                program = step.argv[0] if step.argv else ""
                self._explain(posixpath.basename(program))
                raise BuildFailed(_cannot_start(program, str(error))) from error
        if end.code:
            self._explain(watch.program_missing)
            shown = " ".join(step.argv)
            raise BuildFailed(f"The command '{shown}' returned a non-zero code: {end.code}")
        return layer

    def _collect(self, names: list[str], folder: Path) -> None:
        folder.mkdir()
        for wheel in make_wheels(self.wheels, names):
            shutil.copyfile(wheel, folder / wheel.name)
        folder.chmod(0o755)
        folder.parent.chmod(0o755)

    async def _online(self, wheels: Path) -> packages.Source | None:
        source, index = await packages.online(wheels, os.environ)
        if source is None:
            self.log(
                "This environment does not have all the packages that the step asks for, and the "
                f"package index {index} cannot be reached."
            )
        else:
            self.log(
                "This environment does not have all the packages that the step asks for: running "
                f"the step again with the package index {index}."
            )
        return source

    async def _try(
        self,
        lowers: tuple[Path, ...],
        run: Command,
        source: packages.Source,
        binds: Mapping[str, Path],
        watch: _Watch,
    ) -> tuple[Layer | None, Exit]:
        run = replace(run, env={**source.env, **run.env})
        upper = await asyncio.to_thread(self.layers.new)
        try:
            end = await self.engine.run(
                Rootfs(lowers),
                upper,
                run,
                watch.take,
                binds={**source.binds, **binds},
                stop=self.stop,
            )
            if self.stop.is_set():
                raise BuildStopped("Build cancelled")
            if end.code:
                return None, end
            descriptor = await asyncio.to_thread(self.layers.commit, upper)
        finally:
            if upper.exists():
                await asyncio.to_thread(self.layers.discard, upper)
        if descriptor is None:
            return None, end
        return Layer(descriptor, self.layers.layer(descriptor["digest"])), end

    def _explain(self, program: str) -> None:
        if NOT_FOUND.match(f"{program}: not found".encode()):
            self.log(
                f"The {self.engine.name} engine has no operating-system packages: "
                f"a step that runs {program} needs the container engine."
            )


class _Watch:
    """Passes a command's output on to the log and remembers what explains a failure."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self.package_missing = False
        self.program_missing = ""

    def take(self, _stream: str, line: bytes) -> None:
        """One line of output."""
        self._log(line.decode("utf-8", errors="replace"))
        self.package_missing = self.package_missing or packages.is_missing(line)
        found = NOT_FOUND.search(line)
        if found:
            self.program_missing = found[1].decode()


def step(stage: Stage, instruction: Instruction) -> Step:
    """What a RUN instruction executes, heredocs put where its shell reads them.

    Raises BuildFailed for a flag that only BuildKit has.

    Source: https://docs.docker.com/reference/dockerfile/#here-documents (read 2026-11-24)
    """
    for flag in instruction.flags:
        if flag in BUILDKIT_FLAGS["RUN"]:
            raise needs_buildkit(flag)
    if not instruction.heredocs:
        return Step(tuple(command(stage, instruction)), line=instruction.line)
    line = instruction.args[0]
    if parse_heredoc(line) is None:
        # A heredoc inside a command: the shell reads it itself.
        text = "\n".join([line, *(f"{h.content}{h.name}" for h in instruction.heredocs)])
        return Step((*stage.shell, text), line=instruction.line)
    heredoc = instruction.heredocs[0]
    text = body(heredoc)
    if text.startswith("#!"):
        # As the kernel does it: the interpreter, at most one argument, the script.
        interpreter = text[2:].partition("\n")[0].strip().split(None, 1)
        script = (heredoc.name, text)
        return Step((*interpreter, f"{SCRIPTS}/{heredoc.name}"), script, instruction.line)
    return Step((*stage.shell, text), line=instruction.line)


def _cannot_start(program: str, reason: str) -> str:
    """What docker says of a program that it cannot execute, made of what the engine says."""
    if not reason.startswith("failed to "):
        return reason
    why = reason.rpartition(": ")[2]
    if why == MISSING:
        why = f"stat {program}: {why}" if "/" in program else "executable file not found in $PATH"
    return (
        "OCI runtime create failed: runc create failed: unable to start container process: "
        f'exec: "{program}": {why}: unknown'
    )


def _scripts(step: Step, folder: Path) -> dict[str, Path]:
    if step.script is None:
        return {}
    name, text = step.script
    path = folder / "script"
    path.write_text(text)
    path.chmod(0o755)
    folder.chmod(0o755)
    return {f"{SCRIPTS}/{name}": path}
