"""What the tests of ``gcloud run`` share: one service of the app with all habits, in one region."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Any

import requests
from google.cloud import run_v2

from tests.clients.conftest import PARENT
from tests.clients.gcloud.conftest import Gcloud
from tests.conftest import REGION

SETTINGS = {"CLOUDSDK_RUN_REGION": REGION, "TERM": "dumb"}
"""The region of every command, and no colours in what it says."""


@dataclass(frozen=True)
class Run:
    """Runs ``gcloud run …``; every flag that a deployment needs anyway is given."""

    gcloud: Gcloud
    image: str
    service: str

    def ok(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that must succeed."""
        return self.gcloud.ok("run", *arguments, **SETTINGS)

    def json(self, *arguments: str) -> Any:
        """What a command prints with ``--format=json``."""
        return self.gcloud.json("run", *arguments, **SETTINGS)

    def refused(self, *arguments: str) -> str:
        """The message of a command that must fail with exit code 1."""
        return self.gcloud.refused("run", *arguments, **SETTINGS)

    def deploy(self, *flags: str) -> str:
        """Deploys the image, open to everybody, and returns what gcloud says."""
        flags = ("--image", self.image, "--no-invoker-iam-check", *flags)
        return self.ok("deploy", self.service, *flags).stderr

    def get(self) -> run_v2.Service:
        """The service as the official library sees it."""
        return run_v2.ServicesClient().get_service(name=f"{PARENT}/services/{self.service}")

    def revisions(self) -> list[str]:
        """The short names of its revisions, the oldest first."""
        parent = f"{PARENT}/services/{self.service}"
        found = run_v2.RevisionsClient().list_revisions(parent=parent)
        ordered = sorted(found, key=lambda revision: revision.create_time)
        return [revision.name.rpartition("/")[2] for revision in ordered]

    def call(self, path: str = "/revision", tag: str = "") -> str:
        """What the service answers; the name of its revision, unless another path is asked."""
        url = self.get().uri
        if tag:
            url = url.replace("https://", f"https://{tag}---")
        return requests.get(url + path, timeout=30).text


def last_line(text: str) -> str:
    """The last line that is not empty."""
    return text.strip().splitlines()[-1]
