"""The process engine: a container's command as a plain process in a folder, where no namespace is.

It fences nothing: the program is this user's own, sees the machine's files and its network, and
everybody on this machine reaches its port. It has a folder, a port and a life of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import CannotStart, Command, ContainerSpec, Exit, NotServed, OnOutput, Rootfs
from .child import LOOPBACK, Child
from .folder import Folder, base_of, move_changes, snapshot
from .gate import Gate
from .layers import remove_tree
from .pip import installs
from .program import USUAL_PATH, find, needs_libraries
from .tree import Tree, clean

SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the machine's shell and tools are, which stand for those of the base image."""

LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Without them some environments' Python doesn't find its library, or finds another's."""

ROOTS = ("", "0", "root", "0:0", "root:root")
QUIET = {"PIP_CONFIG_FILE": os.devnull}
"""The machine's pip configuration is not the image's."""


class Process:
    """The Engine that runs plain processes. ``work`` is a folder of its own."""

    name = "process"
    networks = False

    def __init__(self, work: Path, reason: str = "") -> None:
        self.reason = reason
        self._children: set[Child] = set()
        self._ports: set[int] = set()
        self._work = work / "process"
        # Left over by a daemon that was killed; its holders may be removing their parts just now.
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True, exist_ok=True)

    async def start(self, spec: ContainerSpec) -> Child:
        """Starts a container: see Engine.

        Each has a copy of the image's files, gone with it, and a free port of 127.0.0.1 in PORT.
        The memory limit is kept by looking at its processes 20 times a second; files do not count.
        What it may reach is behind variables: see Gate. Raises CannotStart, and NotServed for an
        uplink.
        """
        if spec.uplink:
            raise NotServed("a network of its own needs the sandbox engine")
        gate = Gate(spec.reach)
        port = self._free_port()
        child = Child(spec.on_output, port)
        child.exited.add_done_callback(lambda _: gate.close())
        child.exited.add_done_callback(lambda _: self._ports.discard(port))
        command = spec.command
        for line in _notes(command, spec.port, port):
            spec.on_output("stderr", line.encode())
        if command.env.get("PORT") == str(spec.port):
            command = replace(command, env={**command.env, "PORT": str(port)})
        try:
            folder = await self._folder(spec.rootfs, spec.binds)
        except BaseException:
            child.exited.set_result(Exit(128 + signal.SIGKILL))
            raise
        try:
            order = _order(spec.rootfs, command, folder)
            order["env"] |= gate.open()
            order |= {"memory": spec.memory, "folder": str(folder.root.parent)}
            await self._remembered(child).start(order)
        except BaseException:
            gate.close()
            await asyncio.to_thread(shutil.rmtree, folder.root.parent, ignore_errors=True)
            self._ports.discard(port)
            raise
        return child

    async def run(
        self,
        rootfs: Rootfs,
        upper: Path,
        command: Command,
        on_output: OnOutput,
        *,
        network: bool = True,
        binds: Mapping[str, Path] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Exit:
        """Installs what the step's ``pip install`` asks for: see Engine.

        ``network`` is not enforced. Raises NotServed for any other step.
        """
        wanted = installs(command.argv)
        folder = await self._folder(rootfs, binds or {})
        try:
            if folder.base is None:
                raise NotServed("an image without Python has no pip to install with")
            before = await asyncio.to_thread(snapshot, folder.root)
            for arguments in wanted:
                pip = ("python3", "-m", "pip", "install", *arguments)
                order = _order(rootfs, replace(command, argv=pip), folder)
                order["env"] |= {**QUIET, "HOME": str(folder.root.parent / "home")}
                child = self._remembered(
                    Child(lambda stream, line: on_output(stream, folder.shown(line)))
                )
                await child.start(order)
                end = await _until(child, stop)
                if end.code:
                    return end
            await asyncio.to_thread(move_changes, folder.root, before, upper)
            return Exit(0)
        finally:
            await asyncio.to_thread(remove_tree, folder.root.parent)

    async def close(self) -> None:
        """Stops everything that this engine started."""
        children = list(self._children)
        for child in children:
            child.kill(signal.SIGKILL)
        await asyncio.gather(*(asyncio.shield(child.exited) for child in children))

    async def _folder(self, rootfs: Rootfs, binds: Mapping[str, Path]) -> Folder:
        return await asyncio.to_thread(self._filled, rootfs, binds)

    def _filled(self, rootfs: Rootfs, binds: Mapping[str, Path]) -> Folder:
        tree = Tree(rootfs.lowers)
        base = base_of(tree, rootfs.lowers)
        own = self._work / secrets.token_hex(8)
        for name in ("root", "tmp", "home"):
            (own / name).mkdir(parents=True)
        folder = Folder(own / "root", tree, base, binds)
        try:
            folder.fill()
        except BaseException:
            remove_tree(own)
            raise
        return folder

    def _free_port(self) -> int:
        """A port nobody listens on, and which no other container has been given."""
        while True:
            with socket.socket() as trial:
                trial.bind((LOOPBACK, 0))
                port: int = trial.getsockname()[1]
            if port not in self._ports:
                self._ports.add(port)
                return port

    def _remembered(self, child: Child) -> Child:
        self._children.add(child)
        child.exited.add_done_callback(lambda _: self._children.discard(child))
        return child


def _notes(command: Command, wanted: int, port: int) -> list[str]:
    """What is not as on Cloud Run, said once in the container's log."""
    notes = [f"The process engine has no network of its own: PORT={port} here, not {wanted}."]
    if command.user not in ROOTS:
        notes.append(f"The process engine does not become USER {command.user}: it stays yours.")
    return notes


def _order(rootfs: Rootfs, command: Command, folder: Folder) -> dict[str, Any]:
    tree = Tree(rootfs.lowers)
    program = _program(tree, command, folder)
    cwd = folder.root / clean(command.cwd)
    try:
        cwd.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise CannotStart(f"working directory: {command.cwd} is not a directory") from error
    env = {
        "HOME": str(folder.root.parent / "home"),
        "TMPDIR": str(folder.root.parent / "tmp"),
        **{name: os.environ[name] for name in LOADER if folder.base and name in os.environ},
        **{name: folder.text(value) for name, value in command.env.items()},
        "PATH": _path(command.env.get("PATH", USUAL_PATH), folder),
        "PWD": str(cwd),
    }
    return {
        "program": program,
        "argv": [program, *(folder.text(word) for word in command.argv[1:])],
        "cwd": str(cwd),
        "env": env,
        "memory": 0,
        "folder": "",
    }


def _program(tree: Tree, command: Command, folder: Folder) -> str:
    """The file to execute: the folder's, or the machine's own for a tool of the base image."""
    inside = find(tree, command)
    here = f"{folder.root}/{clean(inside)}"
    if folder.base is None:
        if needs_libraries(tree, inside):
            raise NotServed(f"{inside} needs the libraries of its image: the sandbox engine's task")
        return here
    if os.path.lexists(here):
        return here
    name = os.path.basename(inside)
    tool = shutil.which(name, path=SYSTEM)
    if tool is None:
        raise CannotStart(f"failed to load {inside}: this machine has no {name} for it")
    return tool


def _path(path: str, folder: Folder) -> str:
    """PATH with the folder's own first, then the machine's for what the base image had."""
    inside = [f"{folder.root}/{clean(each)}" for each in path.split(":") if each.startswith("/")]
    own = [each for each in inside if os.path.isdir(each)]
    return ":".join([*own, *(SYSTEM.split(":") if folder.base else ())])


async def _until(child: Child, stop: asyncio.Event | None) -> Exit:
    """The end of a command, which setting ``stop`` brings about."""
    stopped = asyncio.ensure_future((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait((child.exited, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        child.kill(signal.SIGKILL)
        await asyncio.shield(child.exited)
    return child.exited.result()
