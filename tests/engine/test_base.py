"""The base image: the Python of this environment, whole and working, always the same."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.localcloud.engine import Rootfs
from helpers.localcloud.engine.base import Base
from helpers.localcloud.engine.layers import Layers
from helpers.localcloud.registry.blobs import Blobs
from helpers.localcloud.registry.image import load
from tests.engine.bench import Bench

IMPORTS = "asyncio, bz2, ctypes, decimal, hashlib, json, lzma, readline, sqlite3, ssl, uuid, zlib"
USE = (
    f"import {IMPORTS}, sys, zoneinfo;"
    "print(sys.executable, sys.prefix);"
    "print(len(ssl.create_default_context().get_ca_certs()) > 10);"
    "print(zoneinfo.ZoneInfo('Asia/Seoul'));"
    "print([path for path in sys.path if 'packages' in path])"
)
MAKE = """
import json, sys
from pathlib import Path
from helpers.localcloud.engine.base import Base
from helpers.localcloud.engine.layers import Layers
from helpers.localcloud.registry.blobs import Blobs
folder = Path(sys.argv[1])
blobs = Blobs(folder / "blobs")
layers = Layers(folder / "layers", blobs)
base = Base(folder / "base", layers, blobs)
print(json.dumps([base.version, [str(path) for path in layers.rootfs(base.image()).lowers]]))
"""


def test_python_and_its_library_work(bench: Bench) -> None:
    lines = asyncio.run(bench.output_of("python3", "-c", USE))
    assert lines[0] == f"/usr/local/bin/python3 {bench.base._interpreter.prefix}"
    assert lines[1:3] == ["True", "Asia/Seoul"]


def test_pip_and_the_shell_work(bench: Bench) -> None:
    tools = "for tool in env ls cat sleep grep; do command -v $tool; done"
    look = f"pip --version; python --version; {tools}; echo $LANG"
    lines = asyncio.run(bench.output_of("sh", "-c", look))
    assert lines[0].startswith("pip ")
    assert lines[1] == f"Python {platform.python_version()}"
    assert len(lines) == 8


def test_only_pip_and_setuptools_are_installed_in_it(bench: Bench) -> None:
    lines = asyncio.run(bench.output_of("pip", "list", "--format=json"))
    assert {entry["name"] for entry in json.loads(lines[0])} <= {"pip", "setuptools"}


def test_every_home_has_the_same_image_and_makes_it_once(bench: Bench, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    layers = Layers(tmp_path / "layers", blobs)
    assert Base(tmp_path / "base", layers, blobs).image() == bench.image
    assert load(blobs, bench.image.digest) == bench.image
    blob = blobs.path(bench.image.layers[0]["digest"])
    written = blob.stat().st_mtime_ns
    assert Base(tmp_path / "base", layers, blobs).image() == bench.image
    assert blob.stat().st_mtime_ns == written
    assert bench.image.config["rootfs"]["diff_ids"] == [bench.image.layers[0]["digest"]]


def test_a_base_image_whose_blob_is_gone_is_made_again(bench: Bench) -> None:
    blob = bench.blobs.path(bench.image.layers[0]["digest"])
    blob.unlink()
    assert bench.base.image() == bench.image
    assert blob.exists()


def test_nothing_in_it_tells_whose_machine_it_was_made_on(bench: Bench) -> None:
    root = bench.rootfs.lowers[0]
    for name in ("passwd", "group", "hosts", "resolv.conf"):
        assert str(Path.home()) not in (root / "etc" / name).read_text().replace("/root", "")
    for path in root.rglob("*"):
        found = path.lstat()
        assert stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) or path.is_symlink()
        if path.is_symlink():
            target = os.path.normpath(
                os.path.join("/", path.parent.relative_to(root), path.readlink())
            )
            assert (root / target.lstrip("/")).exists(), f"{path} leads nowhere"


def others() -> list[str]:
    """Other Pythons of this machine that the local cloud could run with."""
    found = [Path("/usr/bin/python3"), *Path.home().glob(".pyenv/versions/3.1[1-4]*/bin/python3")]
    here = os.path.realpath(sys.executable)
    chosen = []
    for path in found:
        if not os.access(path, os.X_OK) or os.path.realpath(path) == here:
            continue
        look = "import sys, pip; print(sys.version_info >= (3, 11))"
        tried = subprocess.run([path, "-c", look], capture_output=True, text=True, check=False)
        if tried.stdout == "True\n":
            chosen.append(str(path))
    return chosen


@pytest.mark.parametrize("python", [sys.executable, *others()])
def test_every_python_of_the_machine_becomes_a_base_image(
    bench: Bench, tmp_path: Path, python: str
) -> None:
    made = subprocess.run(
        [python, "-c", MAKE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    version, lowers = json.loads(made.stdout)
    rootfs = Rootfs(tuple(map(Path, lowers)))
    look = f'python3 -c "{USE}" && python --version && pip --version'
    lines = asyncio.run(bench.output_of("sh", "-c", look, rootfs=rootfs))
    assert lines[1:3] == ["True", "Asia/Seoul"]
    assert lines[4] == f"Python {version}"
    assert lines[5].startswith("pip ")
    shutil.rmtree(tmp_path)
