"""The Python that runs the local cloud, as files to copy: interpreter, standard library, pip."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .files import copy, copy_tree, link, write

LEFT_OUT = {
    "EXTERNALLY-MANAGED",
    "dist-packages",
    "idlelib",
    "idle_test",
    "site-packages",
    "sitecustomize.py",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
}
"""Tests and graphics, as in the official slim images, and what is not the library's own."""

INSTALLERS = ("pip", "setuptools")
PIP = """\
#!/usr/local/bin/python3
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Interpreter:
    """One Python installation.

    ``prefix`` is where it will live inside: ``/usr`` for a Python that its distribution has bent
    to that place, ``/usr/local`` for all others. ``library`` is the standard library, ``inside``
    where it goes below the prefix, ``packages`` where pip installs.
    """

    version: str
    program: Path
    library: Path
    prefix: str
    inside: str
    packages: str

    @classmethod
    def running(cls) -> Interpreter:
        """The Python of this process; for a virtual environment, the one it was made from."""
        short = f"python{sys.version_info.major}.{sys.version_info.minor}"
        library = Path(os.__file__).parent
        # Debian's Python installs below /usr/local from its own place, /usr: only there it works.
        debian = "deb_system" in sysconfig.get_scheme_names()
        base = Path(sys.base_prefix)
        inside = library.relative_to(base) if library.is_relative_to(base) else Path("lib", short)
        return cls(
            version=platform.python_version(),
            program=Path(getattr(sys, "_base_executable", sys.executable)).resolve(),
            library=library,
            prefix="/usr" if debian else "/usr/local",
            inside=str(inside),
            packages=f"/usr/local/lib/{short}/{'dist' if debian else 'site'}-packages",
        )

    def identity(self) -> tuple[object, ...]:
        """Changes when another Python, or another pip, would be copied."""
        found = self.program.stat()
        installers = [metadata.version(name) for name in self._installers()]
        return (sys.version, str(self.program), found.st_size, int(found.st_mtime), *installers)

    def install(self, root: Path) -> list[Path]:
        """Copies it below ``root`` and returns the copied files that need shared libraries.

        Raises RuntimeError when this environment has no pip.
        """
        short = f"python{'.'.join(self.version.split('.')[:2])}"
        program = root / f"{self.prefix}/bin/{short}".lstrip("/")
        copy(self.program, program)
        aliases = root / "usr/local/bin"
        link(aliases / "python3", short if self.prefix == "/usr/local" else f"/usr/bin/{short}")
        link(aliases / "python", "python3")
        library = root / f"{self.prefix}/{self.inside}".lstrip("/")
        copy_tree(self.library, library, self._is_wanted)
        for name in self._installers():
            copy_distribution(metadata.distribution(name), root / self.packages.lstrip("/"))
        for name in ("pip", "pip3", short.replace("python", "pip")):
            write(aliases / name, PIP, executable=True)
        return [program, *sorted(library.glob("lib-dynload/*.so"))]

    def _installers(self) -> list[str]:
        names = {dist.name for name in INSTALLERS for dist in metadata.distributions(name=name)}
        if "pip" not in names:
            raise RuntimeError(
                f"pip is not installed in this environment: {sys.executable} -m ensurepip"
            )
        return sorted(names)

    def _is_wanted(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        if name in LEFT_OUT or path.startswith("config-"):
            return False
        if path.startswith("lib-dynload/"):
            return not name.startswith(("_tkinter", "_test", "_ctypes_test", "xx"))
        if name.endswith(".pyc"):
            return name.endswith(f".{sys.implementation.cache_tag}.pyc")
        return True


def copy_distribution(distribution: metadata.Distribution, packages: Path) -> None:
    """Copies an installed distribution, without its scripts, into a folder of packages."""
    for entry in distribution.files or ():
        source = Path(str(distribution.locate_file(entry)))
        inside = entry.parts[0] not in ("..", "/")
        if inside and source.is_file() and entry.name != "direct_url.json":
            copy(source, packages / str(entry))
