"""A build of one file, good or bad, that is waited for without a log."""

from __future__ import annotations

from pathlib import Path

from google.cloud.devtools import cloudbuild_v1 as cloudbuild

from helpers import lab
from helpers.build import LAST, described
from helpers.source import stage
from tests.conftest import eventually


def built(folder: Path, tag: str, copies: str = "Dockerfile") -> str:
    """Builds a Dockerfile that copies the file ``copies``, and tells how the build ended."""
    (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY {copies} /file\n")
    project, _ = lab.place()
    client = cloudbuild.CloudBuildClient()
    asked = described(tag, stage(folder, project, lab.labels()))
    build = client.create_build(project_id=project, build=asked).metadata.build
    return eventually(
        lambda: client.get_build(project_id=project, id=build.id).status.name, LAST.__contains__
    )
