"""The exercises of lesson 01: they look at archives, builds and images."""

from __future__ import annotations

import io
import tarfile

from google.cloud import storage

from helpers import lab
from helpers.check import Outcome, exercise, not_tried, not_yet, passed
from helpers.labels import carries
from helpers.source import staging_bucket_name


@exercise
def keep_secret_out() -> Outcome:
    """Whether the newest archive holds `public.txt` and not `secret.txt`."""
    names = _newest_archive()
    if not {"public.txt", "secret.txt"} & names:
        return not_tried("The newest archive is of another folder. Submit the one with public.txt.")
    if "secret.txt" in names:
        return not_yet("secret.txt is in the newest archive, so it has left your machine.")
    if not {"public.txt", "app.py", "requirements.txt", "Dockerfile"} <= names:
        return not_yet(f"The newest archive holds too little: {', '.join(sorted(names))}.")
    return passed("The newest archive holds public.txt, and secret.txt stayed at home.")


def _newest_archive() -> set[str]:
    """The names of the files in the archive that was uploaded last, of those with our label."""
    project, _ = lab.place()
    bucket = storage.Client(project=project).lookup_bucket(staging_bucket_name(project))
    archives = [] if bucket is None else list(bucket.list_blobs(prefix="source/"))
    ours = [blob for blob in archives if carries(blob.metadata, lab.labels())]
    if not ours:
        return set()
    content = max(ours, key=lambda blob: blob.time_created).download_as_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return set(tar.getnames())
