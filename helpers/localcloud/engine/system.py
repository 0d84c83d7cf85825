"""What a base image needs beside Python: shared libraries, a shell, small tools, settings."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .files import copy, copy_tree, link, write

PLACES = ("usr/bin", "bin", "usr/sbin", "sbin")
TOOLS = (
    "sh bash dash env [ test true false echo printf cat ls cp mv rm mkdir rmdir ln touch chmod "
    "chown chgrp install pwd basename dirname readlink realpath stat mktemp sleep date head tail "
    "wc sort uniq cut tr tee seq expr id whoami groups uname hostname nproc timeout dd df du "
    "md5sum sha256sum base64 find xargs grep sed awk diff tar gzip kill getent useradd groupadd "
)
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
LOADED_BY_NAME = (
    *("libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1", "libstdc++.so.6"),
    *("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"),
    *("libresolv.so.2", "libanl.so.1"),
)
"""Libraries that the C library opens at run time, and those that a wheel may count upon.

The latter: https://peps.python.org/pep-0599/ (2026-11-24).
"""

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
tty:x:5:
mail:x:8:
www-data:x:33:
users:x:100:
nogroup:x:65534:
"""
FOLDERS = {
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "proc": 0o755,
    "root": 0o700,
    "run": 0o755,
    "srv": 0o755,
    "sys": 0o755,
    "tmp": 0o1777,
    "usr/bin": 0o755,
    "usr/lib": 0o755,
    "usr/lib64": 0o755,
    "usr/local/bin": 0o755,
    "usr/local/sbin": 0o755,
    "usr/sbin": 0o755,
    "usr/src": 0o755,
    "var/tmp": 0o1777,
}


@dataclass(frozen=True)
class System:
    """This machine's operating system. ``name`` is how it calls itself."""

    name: str

    @classmethod
    def running(cls) -> System:
        """The operating system below this process."""
        try:
            return cls(platform.freedesktop_os_release()["PRETTY_NAME"])
        except (OSError, KeyError):
            return cls(platform.system())

    def skeleton(self, root: Path) -> None:
        """The folders that every system has, with /bin and its like as links into /usr."""
        for path, mode in FOLDERS.items():
            folder = root / path
            folder.mkdir(parents=True)
            folder.chmod(mode)
        for name in ("bin", "lib", "lib64", "sbin"):
            link(root / name, f"usr/{name}")

    def tools(self, root: Path) -> list[Path]:
        """Copies shell and tools that this machine has; returns the copies."""
        copies: dict[Path, Path] = {}
        for name in TOOLS.split():
            found = shutil.which(name, path=os.pathsep.join(f"/{place}" for place in PLACES))
            if not found or not _is_program(Path(found)):
                continue
            source = Path(found).resolve()
            target = root / ("usr/sbin" if "sbin" in found else "usr/bin") / name
            if source in copies:
                link(target, os.path.relpath(copies[source], target.parent))
            else:
                copy(source, target)
                copies[source] = target
        return list(copies.values())

    def libraries(self, root: Path, programs: Iterable[Path]) -> None:
        """Copies the shared libraries that the programs need, and the loader.

        A library that this machine keeps in a place of its own goes next to the C library, where
        the loader looks without being told.
        """
        needed = _needed(programs)
        standard = next((path.parent for path in needed if path.name.startswith("libc.")), None)
        if standard is None:
            return  # Everything is linked statically.
        loaded = [standard / name for name in LOADED_BY_NAME if (standard / name).exists()]
        known = {standard, Path("/lib"), Path("/usr/lib"), Path("/lib64"), Path("/usr/lib64")}
        for library in sorted({*needed, *loaded, *_needed(loaded)}):
            folder = library.parent if library.parent in known else standard
            inside = str(folder).lstrip("/")
            target = root / (inside if inside.startswith("usr/") else f"usr/{inside}")
            copy(library.resolve(), target / library.name)

    def settings(self, root: Path) -> None:
        """Users, host names, certificate authorities, time zones."""
        etc = root / "etc"
        write(etc / "passwd", PASSWD)
        write(etc / "group", GROUP)
        write(etc / "hosts", "127.0.0.1 localhost\n::1 localhost\n")
        write(etc / "resolv.conf", "")
        write(etc / "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        for path in ("etc/os-release", "etc/login.defs", "etc/ssl/openssl.cnf"):
            if os.path.isfile(f"/{path}"):
                copy(Path("/", path), root / path)
        bundle = next((path for path in BUNDLES if os.path.isfile(path)), None)
        if bundle:
            copy(Path(bundle), etc / "ssl/certs/ca-certificates.crt")
            link(etc / "ssl/cert.pem", "certs/ca-certificates.crt")
            link(root / "usr/lib/ssl", "/etc/ssl")
        zones = Path("/usr/share/zoneinfo")
        if zones.is_dir():
            copy_tree(zones, root / "usr/share/zoneinfo", _is_zone)


def _is_zone(path: str) -> bool:
    return path.partition("/")[0] not in ("posix", "right", "localtime")


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _needed(programs: Iterable[Path]) -> set[Path]:
    files = [str(program) for program in programs]
    if not files:
        return set()
    answer = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False)
    found = set()
    for line in answer.stdout.splitlines():
        # "libm.so.6 => /lib/x/libm.so.6 (0x…)", the loader as "/lib64/ld.so (0x…)"
        path = line.split(" => ")[-1].split(" (0x")[0].strip()
        if line.startswith("\t") and path.startswith("/"):
            found.add(Path(path))
    return found
