"""User and network namespaces, and who is who in them.

Source: https://man7.org/linux/man-pages/man7/user_namespaces.7.html (read 2026-11-24)
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Sequence

PR_SET_CHILD_SUBREAPER = 36
NEWUSER = 0x10000000
NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The kernel refuses a namespace; the text says which and why."""


def adopt_orphans() -> None:
    """Makes every process below this one its child once the process between them has ended."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children() -> None:
    """Kills the children of this process, and those that it gets by that, until there is none."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def enter(*, network: bool) -> None:
    """Puts this process into a new user namespace as its root, with ``network`` a network too.

    Where root asks for it, every user exists in it who existed before; otherwise the only one is
    the caller, called 0. Raises Refused.
    """
    uid, gid = os.geteuid(), os.getegid()
    here, there = socket.socketpair()
    mapper = os.fork() if uid == 0 else 0
    if uid == 0 and mapper == 0:
        here.close()
        _answer(there, os.getppid())
    there.close()
    _unshare(NEWUSER | (NEWNET if network else 0))
    everyone = False
    if mapper:
        here.sendall(b"?")
        everyone = here.recv(1) == b"y"
        os.waitpid(mapper, 0)
    here.close()
    if not everyone:
        _write("self/setgroups", "deny")
        _write("self/uid_map", f"0 {uid} 1")
        _write("self/gid_map", f"0 {gid} 1")


def network() -> int:
    """A descriptor of the network namespace that this process is in."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_another_network() -> None:
    """Puts this process into a new network namespace. Raises Refused."""
    _unshare(NEWNET)


def enter_network(descriptor: int) -> None:
    """Puts this process into a network namespace that exists. Raises OSError."""
    if _libc.setns(descriptor, NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def exist(kind: str, *numbers: int) -> bool:
    """Whether user or group numbers exist in this namespace; ``kind`` is ``uid`` or ``gid``."""
    ranges = [(int(first), int(count)) for first, _, count in _ranges(kind)]
    return all(any(0 <= n - first < count for first, count in ranges) for n in numbers)


def owned_by(uid: int, gid: int, groups: Sequence[int]) -> int:
    """A user namespace below this one that belongs to another user; returns its descriptor.

    Every user exists in it who exists here. Raises Refused.
    """
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        here.close()
        try:
            become(uid, gid, groups)
            _unshare(NEWUSER)
            namespace = os.open("/proc/self/ns/user", os.O_RDONLY)
            socket.send_fds(there, [b"y"], [namespace])
            there.recv(1)
        except (OSError, Refused) as error:
            there.sendall(b"n" + str(error).encode())
        finally:
            os._exit(0)
    there.close()
    answer, descriptors, _, _ = socket.recv_fds(here, 1000, 1)
    try:
        if not descriptors:
            raise Refused(f"user {uid}, group {gid}: {answer[1:].decode()}")
        _map_everyone(child)
    finally:
        here.close()
        os.waitpid(child, 0)
    return descriptors[0]


def become(uid: int, gid: int, groups: Sequence[int]) -> None:
    """Makes this process another user's, for good. Raises OSError."""
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _answer(there: socket.socket, parent: int) -> None:
    """What the mapper does: from outside, as the kernel wants it, give a namespace all ids."""
    try:
        if there.recv(1):
            _map_everyone(parent)
            there.sendall(b"y")
    except OSError:
        there.sendall(b"n")
    finally:
        os._exit(0)


def _map_everyone(process: int) -> None:
    for kind in ("uid", "gid"):
        lines = [f"{inside} {inside} {count}\n" for inside, _, count in _ranges(kind)]
        _write(f"{process}/{kind}_map", "".join(lines))


def _ranges(kind: str) -> list[list[str]]:
    with open(f"/proc/self/{kind}_map") as file:
        return [line.split() for line in file]


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        error = os.strerror(ctypes.get_errno())
        raise Refused(f"the kernel refuses a namespace here: {error}")


def _write(path: str, text: str) -> None:
    with open(f"/proc/{path}", "w") as file:
        file.write(text)
