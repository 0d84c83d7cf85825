"""An app that tries to get out: every way that the kernel has leads nowhere."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from helpers.localcloud.engine import Accept, Address
from helpers.localcloud.engine.uplink import Uplink
from tests.engine.bench import Bench

ATTEMPTS = """
import ctypes, errno, glob, os, socket, struct, sys

def attempt(name, act):
    try:
        found = act()
    except (OSError, ImportError) as error:
        found = errno.errorcode.get(getattr(error, "errno", 0), repr(error))
    print(name, found, flush=True)

def connect(family, kind, where, protocol=0):
    def act():
        with socket.socket(family, kind, protocol) as s:
            s.settimeout(1)
            s.connect(where)
            s.send(b"x")
            return "out"
    return act

def bind_to_device():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        s.settimeout(0.5)
        s.connect(("1.1.1.1", 443))
        return "out"

def inherited():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            where = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        if int(number) > 2 and where != f"/proc/{os.getpid()}/fd":
            found.append(where)
    return found

def roots():
    mine = os.stat("/")
    other = []
    for root in glob.glob("/proc/[0-9]*/root"):
        try:
            found = os.stat(root + "/")
        except OSError:
            continue
        if (found.st_dev, found.st_ino) != (mine.st_dev, mine.st_ino):
            other.append(root)
    return other

def secret():
    for root in ["", *glob.glob("/proc/[0-9]*/root")]:
        try:
            return open(root + secret_path).read()
        except OSError:
            pass
    return "hidden"

def enter(kind):
    def act():
        libc = ctypes.CDLL(None, use_errno=True)
        for process in os.listdir("/proc"):
            if not process.isdigit():
                continue
            there = os.stat(f"/proc/{process}/ns/{kind}").st_ino
            if there == os.stat(f"/proc/self/ns/{kind}").st_ino:
                continue
            if libc.setns(os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY), 0) == 0:
                return "out"
        return "nowhere to go"
    return act

abstract, control, secret_path = sys.argv[1:]
TCP, UDP, RAW = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
attempt("tcp", connect(socket.AF_INET, TCP, ("1.1.1.1", 443)))
attempt("tcp-private", connect(socket.AF_INET, TCP, ("192.168.0.1", 80)))
attempt("udp", connect(socket.AF_INET, UDP, ("8.8.8.8", 53)))
attempt("raw", connect(socket.AF_INET, RAW, ("1.1.1.1", 0), socket.IPPROTO_ICMP))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, RAW, 3) and "out")
attempt("tcp6", connect(socket.AF_INET6, TCP, ("2606:4700:4700::1111", 443)))
attempt("udp6", connect(socket.AF_INET6, UDP, ("2001:4860:4860::8888", 53)))
attempt("link-local6", connect(socket.AF_INET6, UDP, ("fe80::1", 53, 0, 1)))
attempt("vsock", connect(getattr(socket, "AF_VSOCK", 40), TCP, (2, 1)))
attempt("abstract", connect(socket.AF_UNIX, TCP, chr(0) + abstract))
attempt("control", connect(socket.AF_UNIX, TCP, control))
attempt("device", bind_to_device)
attempt("inherited", inherited)
attempt("roots", roots)
attempt("secret", secret)
attempt("namespace", enter("net"))
attempt("name", lambda: socket.getaddrinfo("example.com", 443) and "out")
"""
NEVER = ("ENETUNREACH", "EPERM", "EACCES")


@pytest.mark.parametrize("who", ["", "1001"])
@pytest.mark.parametrize("uplink", [False, True])
def test_an_app_without_egress_reaches_nothing(
    bench: Bench, tmp_path: Path, who: str, uplink: bool
) -> None:
    """A dependency of a learner's app must not find the learner's machine or network."""
    name = f"localcloud-isolation-{os.getpid()}-{uplink}-{who}"
    secret = tmp_path / "secret"
    secret.write_text("out")
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as control:
        abstract.bind("\0" + name)
        abstract.listen()
        control.bind(str(tmp_path / "control"))
        control.listen()
        os.chmod(tmp_path / "control", 0o666)
        os.set_inheritable(control.fileno(), True)
        found = asyncio.run(
            _tried(bench, name, str(tmp_path / "control"), str(secret), who=who, uplink=uplink)
        )
    assert found.pop("inherited") == "[]"
    assert found.pop("roots") == "[]"
    assert found.pop("secret") == "hidden"
    assert found.pop("control") in ("ENOENT", "EACCES")
    assert found.pop("abstract") == "ECONNREFUSED"
    assert found.pop("namespace") in ("nowhere to go", *NEVER)
    assert "gaierror" in found.pop("name") or "EAI" in str(found)
    assert found.pop("vsock") not in ("out", "[]")
    assert found.pop("device") in ("TimeoutError('timed out')", *NEVER)
    assert set(found) == {
        *("tcp", "tcp-private", "udp", "raw", "packet", "tcp6", "udp6", "link-local6"),
    }
    assert {name: code for name, code in found.items() if code not in NEVER} == {}


async def _tried(
    bench: Bench, abstract: str, control: str, secret: str, *, who: str, uplink: bool
) -> dict[str, str]:
    asked: list[Address] = []

    async def ask(where: Address) -> Accept | None:
        asked.append(where)
        raise OSError

    link = Uplink(ask, ("10.0.0.0/8",)) if uplink else None
    arguments = ("python3", "-c", ATTEMPTS, abstract, control, secret)
    lines = await bench.output_of(*arguments, user=who, uplink=link)
    assert asked == []  # What is outside its ranges the kernel itself refuses.
    return dict(line.split(" ", 1) for line in lines)


def test_an_instance_does_not_reach_its_neighbours_metadata(bench: Bench) -> None:
    """A token of another service's account would let an app do what it may not."""

    async def main() -> None:
        program = (
            "import socket, sys\n"
            "for host in ('169.254.169.254', '169.254.8.1', '127.0.0.1'):\n"
            "    try:\n"
            "        c = socket.create_connection((host, 80), 1); print(c.recv(9).decode())\n"
            "    except OSError as error:\n"
            "        print(error.strerror)\n"
        )

        def metadata(connection: socket.socket) -> None:
            connection.send(b"token")
            connection.close()

        async with bench.engine() as engine:
            waiting = ("python3", "-c", "import time; time.sleep(60)")
            await engine.start(bench.spec(*waiting, reach={("169.254.169.254", 80): metadata}))
            lines = await bench.output_of("python3", "-c", program)
        assert lines == ["Network is unreachable", *["Connection refused"] * 2]

    asyncio.run(main())
