"""A full disk in the home: what was acknowledged is kept, the rest is refused with the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from pathlib import Path
import google.auth, google.auth.transport.requests, requests
from helpers.localcloud import control
from helpers.localcloud.entering import environment
from helpers.localcloud.home import Home

home = Home(Path(sys.argv[1]))
connection = control.connect(home, start=True, hold=True)
os.environ.update({k: v for k, v in environment(home).items() if v is not None})
credentials, _ = google.auth.default(["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
session = requests.Session()
session.headers["Authorization"] = f"Bearer {credentials.token}"
api = "https://storage.googleapis.com"
bucket = {"name": "full-disk"}
session.post(f"{api}/storage/v1/b?project=hands-on", json=bucket).raise_for_status()


def upload(name):
    url = f"{api}/upload/storage/v1/b/full-disk/o?uploadType=media&name={name}"
    return session.post(url, data=name.encode() * 1000_000)


def names():
    answer = session.get(f"{api}/storage/v1/b/full-disk/o").json()
    return [item["name"] for item in answer.get("items", [])]


stored = []
for number in range(100):
    answer = upload(f"o{number:02}")
    if answer.status_code != 200:
        break
    stored.append(f"o{number:02}")
error = answer.json()["error"]
assert answer.status_code == 503, (answer.status_code, error)
assert "No space left on device" in error["message"], error
assert "Free some space" in error["message"], error
assert names() == stored, (names(), stored)
for name in stored:
    url = f"{api}/storage/v1/b/full-disk/o/{name}?alt=media"
    assert session.get(url).content == name.encode() * 1000_000
assert session.delete(f"{api}/storage/v1/b/full-disk/o/{stored[0]}").status_code == 204
assert upload("o00").status_code == 200
assert names() == stored
connection.ask("stop")
connection.wait_closed()
print("kept", len(stored))
"""


def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path) -> None:
    """A learner's disk fills up with images; the cloud must survive that."""
    home = tmp_path / "home"
    home.mkdir()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    inside = 'mount -t tmpfs -o size=120m,mode=700 none "$1" && exec "$2" "$3" "$1"'
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            inside,
            "sh",
            str(home),
            sys.executable,
            str(script),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept ")
