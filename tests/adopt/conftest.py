"""These tests start what they need from outside, as a user's shell does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plain import plain_environment

APP = '''\
"""Says what is in the basket; needs nothing but Python."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Basket(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"basket": "empty"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", int(os.environ["PORT"])), Basket).serve_forever()
'''
DOCKERFILE = """\
FROM python:3.14-slim
COPY src/ /srv/
ENTRYPOINT ["python", "/srv/basket/server.py"]
"""


@pytest.fixture(autouse=True)
def outside_any_cloud() -> Iterator[None]:
    with plain_environment():
        yield


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A team's repository with an app that is none of the course's."""
    app = tmp_path / "team" / "services" / "checkout"
    (app / "src" / "basket").mkdir(parents=True)
    (app / "src" / "basket" / "server.py").write_text(APP)
    (app / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "team" / ".git").mkdir()
    return tmp_path / "team"


def use_this_python(copy: Path) -> None:
    """Give a copy the packages of this process in the place of those that pip would install."""
    python = copy / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (copy / ".venv" / "made").touch()
