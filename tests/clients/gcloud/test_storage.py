"""``gcloud storage``: buckets and what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud import storage

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.table import Row, play


@pytest.fixture
def client(project: str) -> storage.Client:
    """The official client, which sees what gcloud has done."""
    return storage.Client(project=project)


def test_buckets(gcloud: Gcloud, project: str, client: storage.Client) -> None:
    """A bucket is made, and made only once."""
    create = "storage buckets create gs://{project}-files"
    rows = [
        Row(
            "storage ls",
            says="ERROR: (gcloud.storage.ls) One or more URLs matched no objects.",
            code=1,
        ),
        Row(
            f"{create} --location=asia-northeast3",
            says="Creating gs://{project}-files/...",
            effect=lambda names: (
                client.get_bucket(f"{project}-files").location == "ASIA-NORTHEAST3"
            ),
        ),
        Row(
            create,
            says="""
            Creating gs://{project}-files/...
            ERROR: (gcloud.storage.buckets.create) HTTPError 409: Your previous request to create the named bucket succeeded and you already own it.
            """,  # noqa: E501
            code=1,
        ),
        Row("storage ls", "gs://{project}-files/"),
        Row(
            "storage buckets list --format='value(name,location)'",
            "{project}-files ASIA-NORTHEAST3",
        ),
        Row(
            "storage buckets list gs://{project}-nothing",
            says="ERROR: (gcloud.storage.buckets.list) gs://{project}-nothing not found: 404.",
            code=1,
        ),
        Row(
            "storage ls gs://{project}-nothing",
            says="ERROR: (gcloud.storage.ls) gs://{project}-nothing not found: 404.",
            code=1,
        ),
        Row(
            "storage rm --recursive gs://{project}-files",
            says="""
            Removing objects:
            Removing buckets:
            Removing gs://{project}-files/...
            """,
            effect=lambda names: client.lookup_bucket(f"{project}-files") is None,
        ),
        Row(
            "storage rm --recursive gs://{project}-files",
            says="""
            Removing objects:
            ERROR: (gcloud.storage.rm) gs://{project}-files not found: 404.
            """,
            code=1,
        ),
    ]
    play(gcloud, rows)


def test_objects(gcloud: Gcloud, project: str, client: storage.Client, tmp_path: Path) -> None:
    """Files go up, down and away."""
    bucket = client.create_bucket(f"{project}-files")
    (tmp_path / "here.txt").write_text("hello\n")
    there = tmp_path / "there.txt"
    no_match = "The following URLs matched no objects or files:"
    rows = [
        Row(
            "storage cp {folder}/here.txt gs://{bucket}/",
            says="Copying file://{folder}/here.txt to gs://{bucket}/here.txt",
            effect=lambda names: bucket.blob("here.txt").download_as_bytes() == b"hello\n",
        ),
        Row(
            "storage cp gs://{bucket}/here.txt {folder}/there.txt",
            says="Copying gs://{bucket}/here.txt to file://{folder}/there.txt",
            effect=lambda names: there.read_text() == "hello\n",
        ),
        Row(
            "storage cp gs://{bucket}/here.txt gs://{bucket}/sub/copy.txt",
            says="Copying gs://{bucket}/here.txt to gs://{bucket}/sub/copy.txt",
            effect=lambda names: bucket.blob("sub/copy.txt").download_as_bytes() == b"hello\n",
        ),
        Row(
            "storage cp {folder}/nothing.txt gs://{bucket}/",
            says=f"""
            ERROR: (gcloud.storage.cp) {no_match}
            {{folder}}/nothing.txt
            """,
            code=1,
        ),
        Row(
            "storage cp {folder}/here.txt gs://{bucket}-nothing/",
            says="""
            Copying file://{folder}/here.txt to gs://{bucket}-nothing/here.txt
            ERROR: gs://{bucket}-nothing not found: 404.
            """,
            code=1,
        ),
        Row(
            "storage ls gs://{bucket}",
            """
            gs://{bucket}/here.txt
            gs://{bucket}/sub/
            """,
        ),
        Row(
            "storage ls --recursive --long gs://{bucket}/**",
            """
            6 <time> gs://{bucket}/here.txt
            6 … gs://{bucket}/sub/copy.txt
            TOTAL: 2 objects, 12 bytes (12.00B)
            """,
            effect=lambda names: (
                bucket.get_blob("here.txt").time_created.isoformat()[:19] == names["time"][:19]
            ),
        ),
        Row(
            "storage ls gs://{bucket}/nothing",
            says="ERROR: (gcloud.storage.ls) One or more URLs matched no objects.",
            code=1,
        ),
        Row("storage cat gs://{bucket}/here.txt", "hello"),
        Row(
            "storage cat gs://{bucket}/nothing",
            says=f"""
            ERROR: (gcloud.storage.cat) {no_match}
            gs://{{bucket}}/nothing
            """,
            code=1,
        ),
        Row(
            "storage rm gs://{bucket}/here.txt",
            says="""
            Removing objects:
            Removing gs://{bucket}/here.txt...
            """,
            effect=lambda names: not bucket.blob("here.txt").exists(),
        ),
        Row(
            "storage rm gs://{bucket}/here.txt",
            says=f"""
            Removing objects:
            ERROR: (gcloud.storage.rm) {no_match}
            gs://{{bucket}}/here.txt
            """,
            code=1,
        ),
    ]
    play(gcloud, rows, bucket=bucket.name, folder=tmp_path)
