"""The exercises of lesson 01: they look at archives, builds and images."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from google.cloud import storage
from google.cloud.artifactregistry_v1 import ArtifactRegistryClient

from helpers import build, lab
from helpers.check import Outcome, exercise, not_tried, not_yet, passed
from helpers.clients import client
from helpers.labels import carries
from helpers.source import staging_bucket_name

REPAIRED = "page"
"""The name of the image whose build is to be repaired."""


@exercise
def repair_build() -> Outcome:
    """Whether the newest build of the page succeeded, and an earlier one failed.

    The list of builds keeps those of an earlier run of the lesson, whose repository is gone.
    """
    project, region = lab.place()
    (repository,) = lab.made("repository")
    tag = f"{region}-docker.pkg.dev/{project}/{repository}/{REPAIRED}"
    name = f"projects/{project}/locations/{region}/repositories/{repository}"
    made = client(ArtifactRegistryClient).get_repository(name=name).create_time
    statuses = [one.status.name for one in build.since(made) if tag in one.images]
    if not statuses:
        return not_tried("There is no build of the page yet. Submit the folder as it is.")
    if statuses[0] != "SUCCESS":
        return not_yet(f"The newest build of the page ended with {statuses[0]}. Read its log.")
    if "FAILURE" not in statuses:
        return not_yet("No build of the page has failed. Submit the folder as it was, then yours.")
    return passed("A build of the page failed, and a later one succeeded.")


@exercise
def keep_secret_out() -> Outcome:
    """Whether the newest archive of the folder holds `public.txt` and not `secret.txt`."""
    names = next((found for found in _archives() if {"public.txt", "secret.txt"} & found), None)
    if names is None:
        return not_tried("Neither public.txt nor secret.txt is in any archive.")
    if "secret.txt" in names:
        return not_yet("secret.txt is in the newest archive, so it has left your machine.")
    if not {"public.txt", "app.py", "requirements.txt", "Dockerfile"} <= names:
        return not_yet(f"The newest archive holds too little: {', '.join(sorted(names))}.")
    return passed("The newest archive holds public.txt, and secret.txt stayed at home.")


def _archives() -> Iterator[set[str]]:
    """The names of the files in each archive with our label, the newest archive first."""
    project, _ = lab.place()
    bucket = storage.Client(project=project).lookup_bucket(staging_bucket_name(project))
    archives = [] if bucket is None else list(bucket.list_blobs(prefix="source/"))
    ours = [blob for blob in archives if carries(blob.metadata, lab.labels())]
    for blob in sorted(ours, key=lambda blob: blob.time_created, reverse=True):
        with tarfile.open(fileobj=io.BytesIO(blob.download_as_bytes())) as tar:
            yield set(tar.getnames())
