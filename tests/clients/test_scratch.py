"""A static binary in an image without anything else: as good a service as Python's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from google.cloud import run_v2

from tests.clients.conftest import PARENT, PROJECT
from tests.clients.images import build
from tests.clients.logged import STDOUT, log
from tests.conftest import LocalCloud, eventually

DOCKERFILE = """FROM scratch
COPY busybox /bin/busybox
COPY --chown=65532:65532 own.txt /www/
COPY page.txt /www/
COPY who /www/cgi-bin/who
USER 65532:65532
CMD ["/bin/busybox", "sh", "/www/cgi-bin/who", "serve"]
"""

WHO = """#!/bin/busybox sh
if [ "$1" = serve ]; then
    echo "listening on $PORT"
    exec /bin/busybox httpd -f -p "$PORT" -h /www
fi
printf 'Content-Type: text/plain\\r\\n\\r\\n'
cd /www
/bin/busybox id -u
/bin/busybox id -g
/bin/busybox stat -c %u own.txt
/bin/busybox stat -c %u page.txt
/bin/busybox touch /tmp/mine && echo written
"""


@pytest.fixture
def busybox() -> bytes:
    """A program that needs no library: Debian's busybox-static."""
    found = shutil.which("busybox", path="/bin:/usr/bin")
    if not found or subprocess.run(["ldd", found], capture_output=True).returncode == 0:
        pytest.skip("busybox-static is needed: make setup-ci")
    return Path(found).read_bytes()


def test_it_serves_with_its_own_user_and_files(cloud: LocalCloud, busybox: bytes) -> None:
    """Go, Rust and C are shipped like this."""
    files: dict[str, str | bytes] = {
        "busybox": busybox,
        "own.txt": "mine",
        "page.txt": "hello",
        "who": WHO,
    }
    image = build(PROJECT, "scratch", DOCKERFILE, files, executable=("busybox", "who"))
    service = run_v2.Service(
        template=run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)]),
        invoker_iam_disabled=True,
    )
    client = run_v2.ServicesClient()
    made = client.create_service(parent=PARENT, service=service, service_id="scratch").result(60)
    assert requests.get(f"{made.uri}/page.txt", timeout=30).text == "hello"
    told = requests.get(f"{made.uri}/cgi-bin/who", timeout=30).text.split()
    owner_of_page = "0" if os.geteuid() == 0 else "65532"  # Without root there is one user.
    assert told == ["65532", "65532", "65532", owner_of_page, "written"]
    said = eventually(lambda: log(cloud.home, "scratch", STDOUT), bool)
    assert said[0]["textPayload"] == "listening on 8080"
