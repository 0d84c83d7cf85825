"""Builds images as a user would: source into a bucket, a build, an image in a registry."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Container, Mapping

from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.devtools import cloudbuild_v1

FLASK_APP = """
import os
from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello():
    return f"hello from {os.environ['K_SERVICE']}\\n"
"""


def archive(files: Mapping[str, str | bytes], executable: Container[str] = ()) -> bytes:
    """A gzipped tar of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o755 if name in executable else 0o644
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def upload(project: str, data: bytes, name: str = "source/app.tgz") -> cloudbuild_v1.Source:
    """Puts an archive where gcloud would, and says where."""
    client = storage.Client(project=project)
    bucket_name = f"{project}_cloudbuild"
    try:
        bucket = client.get_bucket(bucket_name)
    except NotFound:
        bucket = client.create_bucket(bucket_name)
    blob = bucket.blob(name)
    blob.upload_from_string(data)
    return cloudbuild_v1.Source(
        storage_source=cloudbuild_v1.StorageSource(
            bucket=bucket_name, object_=name, generation=blob.generation
        )
    )


def request(source: cloudbuild_v1.Source, tag: str) -> cloudbuild_v1.Build:
    """The build that ``gcloud builds submit --tag`` sends."""
    step = cloudbuild_v1.BuildStep(
        name="gcr.io/cloud-builders/gcb-internal",
        args=["docker", "build", "--network", "cloudbuild", "--no-cache", "-t", tag, "."],
    )
    return cloudbuild_v1.Build(source=source, steps=[step], images=[tag])


def build(
    project: str,
    name: str,
    dockerfile: str,
    files: Mapping[str, str | bytes] | None = None,
    executable: Container[str] = (),
    client: cloudbuild_v1.CloudBuildClient | None = None,
) -> str:
    """Builds an image and returns its name in gcr.io."""
    tag = f"gcr.io/{project}/{name}"
    source = upload(project, archive({"Dockerfile": dockerfile, **(files or {})}, executable))
    client = client or cloudbuild_v1.CloudBuildClient()
    client.create_build(project_id=project, build=request(source, tag)).result(timeout=120)
    return tag
