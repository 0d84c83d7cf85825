"""gcloud as it is installed, inside the test process's cloud, with a configuration of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.conftest import PROJECT, Deployed
from tests.conftest import LocalCloud

if TYPE_CHECKING:
    from tests.clients.gcloud.running import Run

if shutil.which("gcloud") is None:
    collect_ignore_glob = ["test_[!i]*.py"]  # test_installed.py says so, once and loudly.


@dataclass(frozen=True)
class Gcloud:
    """Runs gcloud commands in one project, as a learner types them."""

    project: str
    config: Path

    def environ(self) -> dict[str, str]:
        """The environment of a shell with this project and configuration."""
        chosen = {"CLOUDSDK_CONFIG": str(self.config), "CLOUDSDK_CORE_PROJECT": self.project}
        return {**os.environ, **chosen}

    def run(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """The finished command; prompts are off unless ``stdin`` answers them."""
        prompts = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "" if stdin else "1"}
        inside = {**self.environ(), **prompts, **environ}
        return subprocess.run(
            ["gcloud", *arguments],
            input=stdin,
            cwd=cwd,
            env=inside,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def ok(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """A command that must succeed."""
        done = self.run(*arguments, **options)
        assert done.returncode == 0, f"gcloud {' '.join(arguments)}: {done.stderr}"
        return done

    def json(self, *arguments: str, **options: Any) -> Any:
        """What a command prints with ``--format=json``."""
        return json.loads(self.ok(*arguments, "--format=json", **options).stdout)

    def refused(self, *arguments: str, **options: Any) -> str:
        """The message of a command that must fail with gcloud's exit code for a failure."""
        done = self.run(*arguments, **options)
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        return done.stderr


@pytest.fixture
def gcloud(cloud: LocalCloud, project: str, tmp_path: Path) -> Gcloud:
    """gcloud in the test's own project, with a copy of the configuration that a learner gets."""
    config = tmp_path / "gcloud"
    shutil.copytree(cloud.home.gcloud, config)
    return Gcloud(project, config)


@pytest.fixture
def run(gcloud: Gcloud, service: Deployed) -> Run:
    """``gcloud run`` for a service that has not been made yet; its name is its own."""
    from tests.clients.gcloud.running import Run

    return Run(replace(gcloud, project=PROJECT), service.image, service.id)
