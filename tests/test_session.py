"""``localcloud doctor --session``: who holds a session learns the day before what will not work."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.localcloud import session
from helpers.localcloud.engine import Finding
from helpers.localcloud.home import Home

SUBJECTS = {
    *("engine for a session", "base image", "disk", "memory", "ports", "clock", "packages"),
    "JupyterLab",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def doctor(home: Home, **variables: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status, and for each subject its mark and what is said, with the remedy."""
    done = subprocess.run(
        [sys.executable, "-m", "helpers.localcloud", "doctor", "--session"],
        env=os.environ | {"LOCALCLOUD_HOME": str(home.folder)} | variables,
        capture_output=True,
        text=True,
    )
    said = {}
    for line in done.stdout.replace("\n    ", " ").splitlines():
        subject, _, rest = line[4:].partition(": ")
        said[subject] = (line[:2], rest)
    return done.returncode, said


def test_each_subject_is_looked_at_and_one_that_is_bad_is_enough_to_say_so(home: Home) -> None:
    status, said = doctor(home, LOCALCLOUD_ENGINE="process")
    assert set(said) >= SUBJECTS
    bad = {subject: text for subject, (mark, text) in said.items() if mark != "ok"}
    assert list(bad) == ["engine for a session"]
    assert bad["engine for a session"].endswith("mend it with: unset LOCALCLOUD_ENGINE")
    assert status == 1


def test_the_sandbox_is_what_a_session_wants() -> None:
    assert session.engine([Finding("engine", True, "sandbox: bubblewrap, no root needed")]).ok


def test_what_keeps_the_sandbox_from_working_is_what_mends_it() -> None:
    found = session.engine(
        [Finding("engine", True, "process: bubblewrap"), Finding("bubblewrap", False, "no", "pip")]
    )
    assert (found.ok, found.remedy) == (False, "pip")


def test_a_folder_that_takes_no_files_makes_no_base_image(home: Home) -> None:
    shutil.rmtree(home.folder)
    assert not session.base_image(home).ok


def test_too_little_disk_or_memory_is_told(home: Home) -> None:
    for found in (session.disk(home, wanted=10**18), session.memory(wanted=10**18)):
        assert not found.ok
        assert "1000000000.0 GB wanted" in found.detail
        assert found.remedy


def test_a_port_that_another_program_has_taken_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.save_ports(port, 0)
        found = session.ports(home)
    assert not found.ok
    assert f"port {port} of 127.0.0.1" in found.detail
    assert session.ports(home).ok


def test_a_clock_that_is_behind_is_noticed(home: Home, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.touch()
    os.utime(project, (time.time() + 86400,) * 2)
    assert not session.clock(home, tmp_path).ok


def test_a_package_that_is_not_as_locked_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "Click==0.1 \\\n    --hash=sha256:00\nno-such-thing==1 ; python_version < '3'\n"
    )
    found = session.packages(tmp_path)
    assert not found.ok
    assert found.detail.startswith("1 are not as requirements.lock says, such as Click ")
    lock.unlink()
    assert "clone" in session.packages(tmp_path).remedy


def test_a_jupyterlab_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jupyterlab.py").write_text("raise ImportError('no such library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = session.jupyterlab()
    assert not found.ok
    assert found.detail == "does not start: ImportError: no such library"
