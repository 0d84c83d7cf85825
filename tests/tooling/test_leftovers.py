"""``.ci/run`` finds a process that the tests left running, and none of anybody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LEFTOVERS = (Path(__file__).parents[2] / ".ci" / "leftovers.py").read_text()


def guard(tmp_path: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a shell under the guard, which here waits one second at most."""
    script = tmp_path / "leftovers.py"
    assert "PATIENCE = 15.0" in LEFTOVERS
    script.write_text(LEFTOVERS.replace("PATIENCE = 15.0", "PATIENCE = 1.0"))
    return subprocess.run(
        [sys.executable, str(script), "sh", "-c", command], capture_output=True, text=True
    )


def test_a_daemon_that_outlives_the_tests_is_named_and_ended(tmp_path: Path) -> None:
    daemon = "import subprocess; subprocess.Popen(['sleep', '98765'], start_new_session=True)"
    done = guard(tmp_path, f'"{sys.executable}" -c "{daemon}"')
    assert done.returncode == 1
    assert "sleep 98765" in done.stderr
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert b"sleep\x0098765\x00" not in running


def test_a_process_that_ends_soon_is_no_leftover(tmp_path: Path) -> None:
    done = guard(tmp_path, "(sleep 0.3 &)")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_status_of_the_tests_is_kept(tmp_path: Path) -> None:
    assert guard(tmp_path, "exit 3").returncode == 3
