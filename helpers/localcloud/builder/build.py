"""A build from its first line to ``Successfully tagged``.

The log is the classic builder's, which is what Cloud Build shows.
Source: https://github.com/moby/moby/blob/v20.10.24/builder/dockerfile/builder.go (read 2026-11-24)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..engine import Engine
from ..engine.base import Base
from ..engine.layers import Layers
from ..engine.tree import Tree, clean
from ..engine.unpack import BadLayer
from ..registry.blobs import Blobs
from ..registry.image import Image, NotAnImage
from . import bases, context, dockerfile, settings
from .dockerfile import Dockerfile, Instruction, StagePlan
from .errors import BuildFailed, BuildStopped
from .files import Placer, working_dir
from .running import Runner, step
from .stage import Layer, Stage
from .variables import Arguments, expand

Find = Callable[[str], Image | None]
"""Finds an image in this cloud's registries by what a Dockerfile names, for instance
``gcr.io/project/name:tag`` or ``…@sha256:…``; None if there is none. Called on the event loop;
may raise BuildFailed."""


def find_none(reference: str) -> Image | None:
    """Finds nothing: for builds that start from no registry's image."""
    return None


@dataclass(frozen=True)
class Builder:
    """What every build of one home needs. ``wheels`` is a folder for the packages of pip."""

    engine: Engine
    blobs: Blobs
    layers: Layers
    base: Base
    wheels: Path

    async def build(
        self,
        folder: Path,
        log: Callable[[str], None],
        now: datetime,
        *,
        file: str = "Dockerfile",
        build_args: Mapping[str, str] | None = None,
        target: str = "",
        tags: Iterable[str] = (),
        find: Find = find_none,
        stop: asyncio.Event | None = None,
    ) -> Image:
        """Builds a folder and returns the image, stored in the blobs under no name.

        ``log`` gets every line, without a newline, as it comes, and at a failure its text last.
        ``now`` becomes the image's time. ``file`` is the Dockerfile's path in the folder,
        ``target`` the last stage to build (empty for the last one there is), ``tags`` are only
        for the log, ``find`` is where ``FROM`` looks. Setting ``stop`` kills the running step.

        Raises BuildFailed with the text that docker prints, BuildStopped after ``stop``, and
        OSError when the disk does not take what is written.
        """
        build = _Build(self, find, log, now, stop or asyncio.Event(), build_args or {})
        try:
            image = await build.run(folder, file, target)
        except BuildFailed as failure:
            for line in str(failure).splitlines():
                log(line)
            raise
        for tag in tags:
            name = tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"
            log(f"Successfully tagged {name}")
        return image


class _Build:
    """One build on its way."""

    def __init__(
        self,
        builder: Builder,
        find: Find,
        log: Callable[[str], None],
        now: datetime,
        stop: asyncio.Event,
        build_args: Mapping[str, str],
    ) -> None:
        self._builder = builder
        self._find = find
        self._log = log
        self._now = now
        self._stop = stop
        self._arguments = Arguments(build_args)
        self._runner = Runner(builder.engine, builder.layers, builder.wheels, log, stop)
        self._finished: list[tuple[str, Stage]] = []
        self._step = 0

    async def run(self, folder: Path, file: str, target: str) -> Image:
        """See ``Builder.build``."""
        content, self._context = await asyncio.to_thread(_read, folder, file)
        size = context.human_size(self._context.size)
        self._log(f"Sending build context to Docker daemon  {size}")
        parsed = _parsed(content, file)
        for warning in parsed.warnings:
            self._log(warning)
        self._placer = Placer(self._builder.blobs, self._builder.layers, parsed.escape)
        await self._stages(parsed, parsed.up_to(target))
        unused = self._arguments.unused()
        if unused:
            self._log(f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed")
        last = self._finished[-1][1] if self._finished else Stage.of_scratch()
        if last.is_empty:
            raise BuildFailed("No image was generated. Is your Dockerfile empty?")
        self._log(f"Successfully built {last.id}")
        return await asyncio.to_thread(last.store, self._builder.blobs)

    async def _stages(self, parsed: Dockerfile, stages: tuple[StagePlan, ...]) -> None:
        total = len(parsed.arguments) + sum(1 + len(stage.instructions) for stage in stages)
        for instruction in parsed.arguments:
            self._announce(instruction, total)
            for arg in instruction.args:
                word = expand(arg, parsed.escape, self._arguments.values())
                name, separator, default = word.partition("=")
                self._arguments.declare_global(name, default if separator else None)
        for planned in stages:
            self._arguments.next_stage()
            self._announce(planned.start, total)
            stage = await self._begin(planned, parsed.escape)
            self._log(f" ---> {stage.id}")
            for instruction in planned.instructions:
                if self._stop.is_set():
                    raise BuildStopped("Build cancelled")
                self._announce(instruction, total)
                await self._do(stage, instruction)
                self._log(f" ---> {stage.id}")
            self._finished.append((planned.name, stage))

    def _announce(self, instruction: Instruction, total: int) -> None:
        self._step += 1
        self._log(f"Step {self._step}/{total} : {instruction.text}")

    async def _begin(self, planned: StagePlan, escape: str) -> Stage:
        env = self._arguments.global_values()
        reference = expand(planned.base, escape, env)
        if not reference:
            raise BuildFailed(f"base name ({planned.base}) should not be blank")
        stage = self._earlier(reference) or await self._image(reference)
        if "platform" in planned.start.flags:
            wanted = expand(planned.start.flags["platform"], escape, env)
            bases.check_platform(reference, wanted, stage.document["architecture"])
        triggers = stage.settings.pop("OnBuild", None) or []
        if triggers:
            self._log(
                f"# Executing {len(triggers)} build trigger{'s' if len(triggers) > 1 else ''}"
            )
        for trigger in triggers:
            await self._do(stage, dockerfile.trigger(trigger))
        return stage

    def _earlier(self, name: str) -> Stage | None:
        for known, stage in self._finished:
            if known and known == name.lower():
                return stage.copy()
        return None

    async def _image(self, reference: str) -> Stage:
        """A stage on top of an image. Raises BuildFailed."""
        if reference == bases.SCRATCH:
            return Stage.of_scratch()
        tag = bases.python_tag(reference)
        try:
            if tag is None:
                image = self._find(reference)
            else:
                base = self._builder.base
                image = await asyncio.to_thread(base.image)
                explained = bases.explain_python(reference, tag, base.version, base.description)
                self._log(explained)
            if image is None:
                raise bases.not_found(reference)
            rootfs = await asyncio.to_thread(self._builder.layers.rootfs, image)
        except (FileNotFoundError, BadLayer, NotAnImage, RuntimeError) as error:
            raise BuildFailed(f"{reference}: {error}") from error
        return Stage.of_image(image, rootfs)

    async def _do(self, stage: Stage, instruction: Instruction) -> None:
        if instruction.name in ("COPY", "ADD"):
            source, in_image = await self._source(instruction.flags.get("from", ""))
            env = {**self._arguments.values(), **stage.env}
            layer, comment = await asyncio.to_thread(
                self._placer.place, stage, instruction, env, source, in_image
            )
            stage.commit(self._now, " ".join([*stage.shell, f"#(nop) {comment}"]), layer)
            return
        container = secrets.token_hex(6)
        if instruction.name == "RUN":
            runnable = step(stage, instruction)
            self._log(f" ---> Running in {container}")
            arguments = {k: v for k, v in self._arguments.values().items() if k not in stage.env}
            layer = await self._runner.run(stage, runnable, arguments)
            shown = sorted(
                f"{k}={v}" for k, v in arguments.items() if self._arguments.in_history(k)
            )
            prefix = [f"|{len(shown)}", *shown] if arguments else []
            stage.commit(self._now, " ".join([*prefix, *runnable.argv]), layer)
        else:
            shell = stage.shell
            layer, comment = await self._set(stage, instruction)
            self._log(f" ---> Running in {container}")
            stage.commit(self._now, " ".join([*shell, "#(nop) ", comment]), layer)
        self._log(f"Removing intermediate container {container}")

    async def _set(self, stage: Stage, instruction: Instruction) -> tuple[Layer | None, str]:
        escape = self._placer.escape
        if instruction.name != "WORKDIR":
            return None, settings.apply(stage, instruction, self._arguments, escape)
        env = {**self._arguments.values(), **stage.env}
        path = working_dir(stage.working_dir, expand(instruction.args[0], escape, env))
        stage.settings["WorkingDir"] = path
        layer = await asyncio.to_thread(self._placer.make_working_dir, stage, path)
        return layer, f"WORKDIR {path}"

    async def _source(self, name: str) -> tuple[Tree, bool]:
        """The files that a COPY takes its own from, and whether they are an image's."""
        if not name:
            return self._context.tree, False
        stage = self._earlier(name)
        if stage is None and name.lstrip("-").isdecimal():
            number = int(name)
            if number == len(self._finished):
                raise _invalid_from(name, "refers to current build stage")
            if not 0 <= number < len(self._finished):
                raise _invalid_from(name, "index out of bounds")
            stage = self._finished[number][1]
        if stage is None:
            try:
                stage = await self._image(name)
            except BuildFailed as error:
                raise _invalid_from(name, str(error)) from error
        return stage.tree, True


def _read(folder: Path, file: str) -> tuple[bytes, context.Context]:
    """The Dockerfile and the context around it. Raises BuildFailed."""
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BuildFailed(
            f"unable to prepare context: the Dockerfile ({file}) must be within the build context"
        )
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        # Cloud Build unpacks the source into /workspace.
        raise BuildFailed(
            "unable to prepare context: unable to evaluate symlinks in Dockerfile path: "
            f"lstat /workspace/{file}: no such file or directory"
        ) from error
    except OSError as error:
        raise BuildFailed(f"unable to prepare context: {file}: {error.strerror}") from error
    try:
        return content, context.read(folder, clean(file))
    except (OSError, ValueError) as error:
        raise BuildFailed(f"error checking context: {error}") from error


def _parsed(content: bytes, file: str) -> Dockerfile:
    if not content:
        raise BuildFailed(f"the Dockerfile ({file}) cannot be empty")
    return dockerfile.parse(content)


def _invalid_from(name: str, reason: str) -> BuildFailed:
    return BuildFailed(f"invalid from flag value {name}: {reason}")
