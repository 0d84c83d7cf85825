"""Several shells on one cloud, and two clouds on one machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.localcloud import control
from helpers.localcloud.home import Home
from tests.clients.gcloud.conftest import Gcloud
from tests.plain import STARTED_IN


def test_four_shells_on_one_cloud(gcloud: Gcloud, project: str, tmp_path: Path) -> None:
    """A terminal for each of a team's habits, with one configuration folder between them."""
    (tmp_path / "file.txt").write_text("hello\n")
    bucket = f"gs://{project}-shells"
    names = [f"robot-{number}" for number in range(4)]

    def shell(name: str) -> None:
        gcloud.ok("iam", "service-accounts", "create", name)
        gcloud.ok("storage", "buckets", "create", f"{bucket}-{name}")
        gcloud.ok("storage", "cp", str(tmp_path / "file.txt"), f"{bucket}-{name}/{name}.txt")

    with ThreadPoolExecutor(4) as shells:
        list(shells.map(shell, names))
    accounts = gcloud.json("iam", "service-accounts", "list")
    made = {each["email"].partition("@")[0] for each in accounts}
    assert made >= set(names)
    listed = gcloud.ok("storage", "ls", f"{bucket}-*/**").stdout.split()
    assert listed == [f"{bucket}-{name}/{name}.txt" for name in names]
    (account,) = gcloud.json("auth", "list")
    assert account["status"] == "ACTIVE"


def inside(home: Path, *command: str) -> subprocess.Popen[str]:
    """A command inside the cloud of a home, as a user starts it from a shell outside."""
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.localcloud.cli", "exec", "--", *command],
        env={**STARTED_IN, "LOCALCLOUD_HOME": str(home), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outputs(running: Sequence[subprocess.Popen[str]]) -> list[str]:
    """What commands print that run at the same time; they must succeed."""
    found = []
    for process in running:
        out, error = process.communicate(timeout=180)
        assert process.returncode == 0, error
        found.append(out)
    return found


def test_two_clouds_side_by_side(tmp_path: Path) -> None:
    """A cloud for the lesson and one to try things in: neither sees the other's."""
    homes = [tmp_path / "one", tmp_path / "two"]
    connections = [control.connect(Home(home), start=True, hold=True) for home in homes]
    try:
        create = ("gcloud", "iam", "service-accounts", "create")
        outputs([inside(home, *create, f"robot-{home.name}") for home in homes])
        region = ("gcloud", "config", "set", "run/region")
        outputs([inside(home, *region, f"region-{home.name}") for home in homes])
        listing = ("gcloud", "iam", "service-accounts", "list", "--format=value(email)")
        accounts = outputs([inside(home, *listing) for home in homes])
        assert ["robot-one" in text for text in accounts] == [True, False]
        assert ["robot-two" in text for text in accounts] == [False, True]
        found = outputs([inside(home, "gcloud", "config", "get", "run/region") for home in homes])
        assert found == ["region-one\n", "region-two\n"]
        # A token of one cloud is nobody's in the other.
        token = outputs([inside(homes[0], "gcloud", "auth", "print-access-token")])[0].strip()
        file = tmp_path / "token"
        file.write_text(token)
        stranger = inside(homes[1], "gcloud", "projects", "list", f"--access-token-file={file}")
        assert "UNAUTHENTICATED" in stranger.communicate(timeout=180)[1]
        assert stranger.returncode == 1
    finally:
        for connection in connections:
            connection.ask("stop")
            connection.wait_closed()
