"""``make`` prepares .venv when it must, and only then: after set-up no network is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make where preparing .venv can't succeed: neither uv nor a Python is found."""
    return subprocess.run(
        ["make", "UV=", "PYTHON=false", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, in a path with a space, with a .venv that is ready."""
    folder = tmp_path / "a clone"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    made_from = f"{folder.resolve()}\n".encode()
    for name in ("requirements.lock", "pyproject.toml"):
        made_from += (folder / name).read_bytes()
    (folder / ".venv" / "made-from").write_bytes(made_from)
    return folder


def test_a_current_venv_is_used_as_it_is(clone: Path) -> None:
    done = make(clone, "venv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_makes_it_anew(clone: Path, name: str) -> None:
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    assert make(clone, "venv").returncode != 0


def test_a_clone_that_was_moved_makes_it_anew(clone: Path) -> None:
    moved = clone.rename(clone.parent / "moved")
    assert make(moved, "venv").returncode != 0


def test_a_venv_whose_python_is_gone_is_made_anew(clone: Path) -> None:
    (clone / ".venv" / "bin" / "python").unlink()
    assert make(clone, "venv").returncode != 0


def test_a_python_that_is_too_old_is_refused_in_words(clone: Path) -> None:
    (clone / ".venv" / "made-from").unlink()
    old = clone / "old-python"
    old.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = (3, 10); $2"'
    )
    old.chmod(0o755)
    done = make(clone, "venv", "PYTHON=./old-python")
    assert done.returncode != 0
    assert "Python 3.11 or later is needed" in done.stderr


def test_a_track_is_run_by_its_name_and_all_lessons_without_one(clone: Path) -> None:
    assert "helpers.course run --track 2h" in make(clone, "-n", "run", "TRACK=2h").stdout
    assert "--track" not in make(clone, "-n", "run").stdout
