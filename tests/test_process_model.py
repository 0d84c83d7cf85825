"""One daemon a home: starting, stopping, sharing and losing it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud import control
from helpers.localcloud.entering import environment
from helpers.localcloud.home import Home
from tests.conftest import eventually

CLI = [sys.executable, "-m", "helpers.localcloud.cli"]


class Shell:
    """Types ``localcloud`` commands for one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = os.environ | {"LOCALCLOUD_HOME": str(folder)}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLI, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def home(self) -> Home:
        return Home(self.folder)

    def pid(self) -> int:
        connection = control.connect(self.home, start=False, hold=False)
        pid: int = connection.ask("status")["pid"]
        connection.close()
        return pid


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path / "home")
    yield made
    made("down")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_up_down_and_up_again_keeps_the_proxys_port(shell: Shell) -> None:
    """Shells that were entered before a restart must go on working."""
    assert shell("up").returncode == 0
    port = shell.home.settings().port
    assert "The local cloud is down." in shell("down").stdout
    assert shell("up").returncode == 0
    assert shell.home.settings().port == port
    assert shell("status").returncode == 0


def test_a_second_up_is_harmless(shell: Shell) -> None:
    """Idempotent: the second of two terminals must not break the first."""
    assert shell("up").returncode == 0
    pid = shell.pid()
    again = shell("up")
    assert (again.returncode, shell.pid()) == (0, pid)


def test_ups_at_the_same_time_make_one_cloud(shell: Shell) -> None:
    """Two notebooks that are opened together share a cloud."""
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(shell("up").returncode)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0, 0, 0, 0]
    assert is_alive(shell.pid())


def test_down_and_status_without_a_cloud_say_so(shell: Shell) -> None:
    """A stopped cloud is no error to stop, and its absence is a plain sentence."""
    assert (shell("down").returncode, shell("down").stdout) == (
        0,
        "No local cloud is running.\n",
    )
    status = shell("status")
    assert status.returncode == 1
    assert status.stderr.startswith("Error: no local cloud is running in ")


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("port", socket.SOCK_STREAM),
        ("dns_port", socket.SOCK_STREAM),
        ("dns_port", socket.SOCK_DGRAM),
    ],
    ids=["proxy", "name server TCP", "name server UDP"],
)
def test_a_port_that_is_taken_is_named_with_the_remedy(
    shell: Shell, setting: str, kind: socket.SocketKind
) -> None:
    """The port can't be changed silently: shells that entered know it."""
    shell("up")
    shell("down")
    port = getattr(shell.home.settings(), setting)
    with socket.socket(type=kind) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
        other.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        refused = shell("up")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "localcloud reset" in refused.stderr
    assert shell("up").returncode == 0


def test_exec_starts_a_cloud_and_has_the_commands_exit_status(shell: Shell) -> None:
    """Scripts and make decide by it."""
    assert shell("exec", "--", "sh", "-c", "exit 7").returncode == 7
    assert shell("exec", "--", "sh", "-c", "kill -TERM $$").returncode == 128 + 15
    missing = shell("exec", "--", "no-such-program")
    assert (missing.returncode, "no such command" in missing.stderr) == (1, True)


def test_exec_replaces_what_would_lead_elsewhere(shell: Shell) -> None:
    """One forgotten variable, and a lesson's call would go to the real cloud or nowhere."""
    shell.environ |= {
        "https_proxy": "http://company:3128",
        "ALL_PROXY": "socks5://x",
        "STORAGE_EMULATOR_HOST": "localhost:1",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "https://elsewhere",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/nowhere",
        "GCE_METADATA_HOST": "1.2.3.4",
    }
    shown = shell(
        "exec", "--", sys.executable, "-c", "import json,os;print(json.dumps({**os.environ}))"
    )
    inside = json.loads(shown.stdout)
    home = shell.home
    for name, value in environment(home, shell.environ).items():
        assert inside.get(name) == value
    assert "company" not in shown.stdout
    assert not {"STORAGE_EMULATOR_HOST", "ALL_PROXY", "GCE_METADATA_HOST"} & set(inside)
    assert inside["HTTPS_PROXY"] == inside["https_proxy"]
    assert inside["no_proxy"] == "localhost,127.0.0.1,::1"


def test_env_can_be_evaluated_by_a_shell(shell: Shell) -> None:
    """``eval "$(localcloud env)"`` is how a terminal enters."""
    shell("up")
    exports = shell("env").stdout
    script = exports + '\necho "$GOOGLE_CLOUD_PROJECT $HTTPS_PROXY"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("hands-on http://localcloud:")


def test_a_held_cloud_lives_as_long_as_its_holder(shell: Shell) -> None:
    """A notebook's cloud must neither vanish under it nor outlive it for long."""
    connection = control.connect(shell.home, start=True, hold=True)
    pid = connection.ask("status")["pid"]
    assert is_alive(pid)
    connection.close()
    eventually(lambda: is_alive(pid), lambda alive: not alive, seconds=20)


def test_up_makes_a_held_cloud_stay(shell: Shell) -> None:
    """Whoever types ``up`` wants it to live until ``down``."""
    connection = control.connect(shell.home, start=True, hold=True)
    assert shell("up").returncode == 0
    assert "localcloud down" in shell("status").stdout
    connection.close()
    assert "localcloud down" in shell("status").stdout


def test_after_a_kill_the_next_up_works(shell: Shell) -> None:
    """A stale socket or lock must never need a person's hand."""
    shell("up")
    os.kill(pid := shell.pid(), signal.SIGKILL)
    eventually(lambda: is_alive(pid), lambda alive: not alive)
    assert shell("up").returncode == 0
    assert shell.pid() != pid


def test_reset_forgets_everything(shell: Shell) -> None:
    """The way out of every mess."""
    shell("up")
    runtime = Path(shell.home.settings().runtime)
    assert shell("reset", "--yes").returncode == 0
    assert not shell.folder.exists()
    assert not runtime.exists()


def test_the_clock_moves_forward_only(shell: Shell) -> None:
    """Lessons that wait a day move it; nothing may move it back."""
    shell("up")
    assert shell("clock", "advance", "24h").returncode == 0
    assert "86400" in shell("status").stdout
    wrong = shell("clock", "advance", "a day")
    assert (wrong.returncode, "not a duration" in wrong.stderr) == (1, True)
    shell("down")
    shell("up")
    assert "86400" in shell("status").stdout


def test_a_simulated_distance_is_shown_and_survives_a_restart(shell: Shell) -> None:
    """Who forgot that it is on must be able to see why everything is slow."""
    shell("up")
    assert re.search(r"^latency +off$", shell("status").stdout, re.MULTILINE)
    assert "simulated, from Seoul" in shell("latency", "--from", "asia-northeast3").stdout
    wrong = shell("latency", "--from", "Atlantis")
    assert (wrong.returncode, "Choose one of: " in wrong.stderr) == (1, True)
    assert "asia-northeast1 (Tokyo)" in wrong.stderr
    shell("down")
    shell("up")
    assert "simulated, from Seoul, South Korea (asia-northeast3)" in shell("status").stdout
    assert shell("latency", "--from", "off").returncode == 0
    shell("down")
    shell("up")
    assert re.search(r"^latency +off$", shell("status").stdout, re.MULTILINE)


def test_nobody_else_can_read_the_home(shell: Shell) -> None:
    """Secrets, keys and sockets belong to one user."""
    shell("up")
    home = shell.home
    assert home.folder.stat().st_mode & 0o077 == 0
    assert Path(home.settings().runtime).stat().st_mode & 0o077 == 0
    assert home.control.stat().st_mode & 0o077 == 0
    readable = [
        path for path in home.folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077
    ]
    assert readable == []


def test_the_proxys_secret_is_not_in_the_process_list(shell: Shell) -> None:
    """Every user of a machine can read the arguments of every process."""
    shell("up")
    arguments = Path(f"/proc/{shell.pid()}/cmdline").read_bytes().decode()
    assert shell.home.settings().secret not in arguments


def test_doctor_says_which_engine_is_in_use(shell: Shell) -> None:
    """The first command to type when something does not work."""
    said = shell("doctor")
    assert said.returncode == 0, said.stdout
    assert "ok" in said.stdout
