"""Build an image from a folder in the cloud, as ``gcloud builds submit --tag`` does.

Sources, read 2026-11-24 from gcloud 578.0.0: command_lib/builds/submit_util.py and
api_lib/cloudbuild/logs.py in
https://github.com/google-cloud-sdk-unofficial/google-cloud-sdk
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import google.auth
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.devtools import cloudbuild_v1 as cloudbuild
from tqdm import tqdm

from helpers import auth
from helpers.source import stage

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
"""Seconds between two looks at a build: more each time, up to what gcloud leaves."""
LAST = {"SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"}
"""The statuses in which a build stays."""

BAR = "{desc}: {percentage:3.0f}%|{bar:30}| {n_fmt}/{total_fmt} steps of the Dockerfile"


class BuildFailed(Exception):
    """A build that did not come to SUCCESS; ``build`` is what Cloud Build says of it."""

    def __init__(self, build: cloudbuild.Build) -> None:
        super().__init__(
            f'build {build.id} completed with status "{build.status.name}". '
            f"{build.failure_info.detail}".rstrip()
        )
        self.build = build


def submit(source: str | Path, tag: str, labels: Mapping[str, str]) -> cloudbuild.Build:
    """Build the Dockerfile in ``source`` remotely and push the image; show the log meanwhile.

    Args:
        source: a folder with a ``Dockerfile``.
        tag: the name to give the image, such as
            ``asia-northeast3-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE``.
        labels: put on the staging bucket if it has to be made, and on the uploaded archive.

    Raises:
        ValueError: there is no Dockerfile, or ``tag`` names no registry of Google's.
        BuildFailed: the build ended badly; the end of the log says why.
    """
    folder = Path(source)
    if not any(host in tag for host in ("gcr.io", "pkg.dev")):
        raise ValueError("Tag value must be in the *gcr.io* or *pkg.dev* namespace.")
    if not (folder / "Dockerfile").exists():
        raise ValueError("Dockerfile required when specifying --tag")
    project = google.auth.default()[1] or ""
    archive = stage(folder, project, labels)
    client = cloudbuild.CloudBuildClient()
    request = cloudbuild.CreateBuildRequest(
        parent=f"projects/{project}/locations/global",
        project_id=project,
        build=described(tag, archive),
    )
    return follow(client, client.create_build(request).metadata.build)


def since(moment: datetime) -> list[cloudbuild.Build]:
    """Return the builds of your project that were asked for after ``moment``, the newest first."""
    project = google.auth.default()[1] or ""
    wanted = f'create_time>"{moment.isoformat()}"'
    request = cloudbuild.ListBuildsRequest(project_id=project, filter=wanted)
    return list(cloudbuild.CloudBuildClient().list_builds(request))


def described(tag: str, archive: storage.Blob) -> cloudbuild.Build:
    """Return the build that gcloud asks for: one docker step, on the uploaded archive."""
    docker = ["docker", "build", "--network", "cloudbuild", "--no-cache", "-t", tag, "."]
    where = cloudbuild.StorageSource(
        bucket=archive.bucket.name, object_=archive.name, generation=archive.generation
    )
    return cloudbuild.Build(
        source=cloudbuild.Source(storage_source=where),
        steps=[cloudbuild.BuildStep(name="gcr.io/cloud-builders/gcb-internal", args=docker)],
        images=[tag],
    )


def follow(client: cloudbuild.CloudBuildClient, build: cloudbuild.Build) -> cloudbuild.Build:
    """Print the log of ``build`` while it is written; return the build when it has succeeded.

    The log is an object that grows. Each look asks for the bytes after those already seen; the
    answer is 404 while there is no log yet, and 416 while there is nothing new.

    Raises:
        BuildFailed: it did not succeed.
    """
    bucket = build.logs_bucket.removeprefix("gs://")
    address = f"https://storage.googleapis.com/{bucket}/log-{build.id}.txt"
    session = AuthorizedSession(auth.credentials())
    seen, rest, pause = 0, b"", FIRST_PAUSE
    bar: tqdm[NoReturn]
    with tqdm(total=1, bar_format=BAR, file=sys.stdout) as bar:
        bar.set_description_str("Building")
        while True:
            ended = build.status.name in LAST
            answer = session.get(address, headers={"Range": f"bytes={seen}-"})
            if answer.ok:
                seen += len(answer.content)
                *lines, rest = (rest + answer.content).split(b"\n")
                for line in lines:
                    _show(bar, line.decode(errors="replace"))
            elif answer.status_code not in (404, 416, 429) and answer.status_code < 500:
                answer.raise_for_status()
            if ended:
                break
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            build = client.get_build(project_id=build.project_id, id=build.id)
        if build.status.name == "SUCCESS":
            bar.update((bar.total or 1) - bar.n)
        bar.set_description_str(build.status.name)
    if build.status.name != "SUCCESS":
        raise BuildFailed(build)
    return build


def _show(bar: tqdm[NoReturn], line: str) -> None:
    bar.write(line or " ", file=sys.stdout)  # An empty line would keep the bar's blanks.
    if step := re.match(r"Step (\d+)/(\d+) : ", line):
        bar.n, bar.total = int(step[1]) - 1, int(step[2])
        bar.refresh()
