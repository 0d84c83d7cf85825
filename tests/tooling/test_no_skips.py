"""``make test STRICT=1``: what is skipped is not taken for what passed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"
MODULE = """
import pytest

def test_skips_itself():
    pytest.skip("no such tool")

@pytest.mark.skipif(True, reason="not on this system")
def test_is_skipped(): ...

@pytest.mark.xfail
def test_fails_as_expected():
    assert False

def test_passes(): ...
"""


def summary(folder: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *options, "."],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_it.py").write_text(MODULE)
    return tmp_path


def test_skips_count_as_failures_and_say_why(folder: Path) -> None:
    """Also in the worker processes that `make test` uses, and for a module that skips itself."""
    (folder / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')")
    text = summary(folder, "--no-skips", "-n", "1")
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in text
    assert "--no-skips: Skipped: no such tool" in text
    assert "--no-skips: Skipped: not on this system" in text
    assert "--no-skips: Skipped: could not import 'no_such_module'" in text


def test_without_the_option_skips_are_skips(folder: Path) -> None:
    assert "1 passed, 2 skipped, 1 xfailed" in summary(folder)
