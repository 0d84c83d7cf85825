"""The sandbox engine: containers in bubblewrap, without root and without a daemon of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import stat
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from . import CannotStart, Command, ContainerSpec, Exit, OnOutput, Rootfs, logfiles
from .box import Box
from .bubblewrap import Bubblewrap
from .holder.network import INSTANCE
from .layers import is_opaque, remove_tree
from .program import find, user
from .tree import Tree, clean

METADATA = ("169.254.169.254", 80)
NAME_SERVER = ("169.254.169.254", 53)
MOUNT_OPTIONS = 3900
"""Bytes that the kernel takes for the options of a mount, 4,095, less what is not paths."""

SEALED = ("sys", "sysrq-trigger", "fs", "acpi", "scsi", "mtrr")
"""What is in /proc that root could change for the whole machine, though without capabilities."""

LOCALHOST = "127.0.0.1 localhost\n::1 localhost\n"
METADATA_NAMES = "169.254.169.254 metadata.google.internal metadata\n"
CGROUPS = "/sys/fs/cgroup"
OPEN_TO_ALL = ("--perms", "1777", "--dir")
ONE_USER = "The sandbox engine, without root, has one user: all files of the image are USER {}'s."
NAMES = "nameserver 169.254.169.254\n"
NO_NAMES = f"{NAMES}options timeout:1 attempts:1\n"
BUILD_CAPABILITIES = tuple(
    word
    for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
    for word in ("--cap-add", f"CAP_{name}")
)
"""What root may do in a build step, inside its user namespace alone: the heart of Docker's list."""


class Sandbox:
    """The Engine that runs containers in bubblewrap. ``work`` is a folder of its own."""

    name = "sandbox"
    networks = True

    def __init__(self, work: Path, bubblewrap: Bubblewrap, reason: str = "") -> None:
        self.reason = reason
        self._bubblewrap = bubblewrap
        self._boxes: set[Box] = set()
        self._empty = work / "empty"
        self._empty.mkdir(parents=True, exist_ok=True)

    async def start(self, spec: ContainerSpec) -> Box:
        """Starts a container: see Engine.

        Its file system is the layers with changes in memory above them, which count as its memory
        as they do on Cloud Run. /tmp and /var/log are there even if the image lacks them; what is
        written below /var/log is output too. ``cpu`` is not enforced. Raises CannotStart,
        ValueError for an address that is not IPv4, and SandboxFault when the machine refuses.
        """
        tree = Tree(spec.rootfs.lowers)
        files = {"/etc/hosts": LOCALHOST, "/etc/resolv.conf": NO_NAMES}
        if METADATA in spec.reach:
            files["/etc/hosts"] += METADATA_NAMES
        if NAME_SERVER in spec.datagrams:
            files["/etc/resolv.conf"] = NAMES
        files |= _limits(spec)
        mounts = _Mounts(tree, files, spec.binds)
        who = user(tree, spec.command.user, unknown_is_root=True)
        if who[0] and os.geteuid():
            spec.on_output("stderr", ONE_USER.format(spec.command.user).encode())
        logs = mounts.place(logfiles.FOLDER)
        order = self._order(tree, spec.command, mounts, who)
        order["arguments"] = [
            *self._lowers(spec.rootfs, ""),
            *("--tmp-overlay", "/"),
            *(word for path in (mounts.place("/tmp"), logs) for word in (*OPEN_TO_ALL, path)),
            *order["arguments"],
            *("--cap-drop", "ALL"),
        ]
        order["logs"] = logs if spec.log_files else ""
        order["memory"] = spec.memory
        order["network"] = True
        order["addresses"] = [(str(IPv4Address(host)), port) for host, port in spec.reach]
        order["datagrams"] = [(str(IPv4Address(host)), port) for host, port in spec.datagrams]
        if spec.uplink:
            order["own"] = spec.uplink.address or order["own"]
            order["routes"] = spec.uplink.ranges
        box = self._remembered(
            Box(spec.on_output, spec.port, spec.reach, spec.datagrams, spec.uplink)
        )
        await box.start(order)
        return box

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
        """Runs one build step: see Engine. Raises what ``start`` raises.

        A folder next to ``upper``, on the same file system, is used for the time of the step.
        """
        tree = Tree(rootfs.lowers)
        files = {"/etc/hosts": LOCALHOST, "/etc/resolv.conf": NO_NAMES}
        if network:
            files = {path: _text(path) for path in files}
        mounts = _Mounts(tree, files, binds or {})
        order = self._order(tree, command, mounts, user(tree, command.user))
        work = _work_beside(upper)
        order["arguments"] = [
            *self._lowers(rootfs, f"{upper}{work}"),
            *("--overlay", str(upper), str(work), "/"),
            *order["arguments"],
            *("--cap-drop", "ALL"),
            *(BUILD_CAPABILITIES if order["user"][0] == 0 else ()),
        ]
        order["network"] = not network
        try:
            box = self._remembered(Box(on_output))
            await box.start(order)
            return await _until(box, stop)
        finally:
            remove_tree(work)
            mounts.remove_from(upper)

    async def close(self) -> None:
        """Stops everything that this engine started."""
        boxes = list(self._boxes)
        for box in boxes:
            box.kill(signal.SIGKILL)
        await asyncio.gather(*(asyncio.shield(box.exited) for box in boxes))

    def _order(
        self, tree: Tree, command: Command, mounts: _Mounts, who: tuple[int, int, list[int]]
    ) -> dict[str, Any]:
        folder = mounts.place(command.cwd)
        node = tree.node(folder.lstrip("/"))
        if node and not node.is_folder:
            raise CannotStart(f"working directory: {command.cwd} is not a directory")
        program = find(tree, command)
        settings = [word for pair in command.env.items() for word in ("--setenv", *pair)]
        return {
            "bubblewrap": str(self._bubblewrap.path),
            "libraries": [str(library) for library in self._bubblewrap.libraries],
            "user": who,
            "arguments": [
                *("--proc", mounts.proc, "--dev", mounts.dev),
                *mounts.sealed,
                *mounts.binds,
                *(() if node else ("--dir", folder)),
                *("--chdir", folder, *settings, "--argv0", command.argv[0]),
            ],
            "argv": [program, *command.argv[1:]],
            "files": mounts.files,
            "logs": "",
            "memory": 0,
            "name": f"localcloud-{secrets.token_hex(8)}",
            "addresses": [],
            "datagrams": [],
            "own": INSTANCE,
            "routes": [],
        }

    def _lowers(self, rootfs: Rootfs, others: str) -> list[str]:
        lowers = [str(lower.resolve()) for lower in rootfs.lowers or (self._empty,)]
        needed = sum(len(f":/oldroot{lower}") for lower in lowers) + len(others)
        if needed > MOUNT_OPTIONS:
            raise CannotStart(
                f"the image has {len(lowers)} layers, more than one mount can stack here"
            )
        return [word for lower in lowers for word in ("--overlay-src", lower)]

    def _remembered(self, box: Box) -> Box:
        self._boxes.add(box)
        box.exited.add_done_callback(lambda _: self._boxes.discard(box))
        return box


class _Mounts:
    """What is put into a container's file system beside its layers, and where.

    Links on the way are followed here, inside the image: bubblewrap would follow them outside.
    """

    def __init__(self, tree: Tree, files: Mapping[str, str], binds: Mapping[str, Path]) -> None:
        self._tree = tree
        self.proc, self.dev = self.place("/proc"), self.place("/dev")
        self.sealed = [
            word
            for name in SEALED
            for word in ("--ro-bind-try", f"/proc/{name}", f"{self.proc}/{name}")
        ]
        bound = {self.place(path): source for path, source in binds.items()}
        self.binds = [
            word
            for path, source in bound.items()
            for word in ("--ro-bind", str(source.resolve()), path)
        ]
        self.files = {
            place: text for path, text in files.items() if (place := self.place(path)) not in bound
        }
        places = [self.proc, self.dev, *bound, *self.files]
        self._made = [place for place in places if not tree.node(place.lstrip("/"))]

    def place(self, path: str) -> str:
        """Where a path leads in the image. Raises CannotStart for a loop of links."""
        try:
            return "/" + self._tree.resolve(clean(path))
        except OSError as error:
            raise CannotStart(f"{path}: {error}") from error

    def remove_from(self, upper: Path) -> None:
        """Removes the empty files and folders that were only made to mount something on."""
        for place in self._made:
            path = place.lstrip("/")
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found = (upper / path).lstat()
                if stat.S_ISREG(found.st_mode) and found.st_size == 0:
                    (upper / path).unlink()
            while path and not self._tree.node(path):
                with contextlib.suppress(OSError):
                    (upper / path).rmdir()
                path = path.rpartition("/")[0]
            while path and self._is_untouched(upper / path, path):
                (upper / path).rmdir()
                path = path.rpartition("/")[0]

    def _is_untouched(self, copy: Path, path: str) -> bool:
        """Whether the overlay copied a folder only because something was mounted below it."""
        node = self._tree.node(path)
        try:
            found = copy.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        kept = ("st_mode", "st_uid", "st_gid")
        return (
            node is not None
            and all(getattr(found, name) == getattr(node.stat, name) for name in kept)
            and node.is_folder
            and not any(copy.iterdir())
            and not is_opaque(copy)
        )


def _work_beside(upper: Path) -> Path:
    """The second folder that an overlay wants; the first becomes the mode of the root folder."""
    upper.chmod(0o755)
    work = upper.with_name(f".work-{secrets.token_hex(8)}")
    work.mkdir()
    return work


async def _until(box: Box, stop: asyncio.Event | None) -> Exit:
    """The end of a build step, which setting ``stop`` brings about."""
    stopped = asyncio.ensure_future((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait((box.exited, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        box.kill(signal.SIGKILL)
        await asyncio.shield(box.exited)
    return box.exited.result()


def _limits(spec: ContainerSpec) -> dict[str, str]:
    """The limits of a container, where a program looks for them.

    Source: https://github.com/knative/specs/blob/main/specs/serving/runtime-contract.md, "Memory
    and CPU limits" (read 2026-11-25)
    """
    period = 100_000
    return {
        f"{CGROUPS}/memory/memory.limit_in_bytes": f"{spec.memory}\n",
        f"{CGROUPS}/cpu/cpu.cfs_period_us": f"{period}\n",
        f"{CGROUPS}/cpu/cpu.cfs_quota_us": f"{round(spec.cpu * period)}\n",
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
