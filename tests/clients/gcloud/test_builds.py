"""``gcloud builds``: from a folder to an image, and what is told on the way."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from google.cloud import storage
from google.cloud.devtools import cloudbuild_v1

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.seen import digest
from tests.clients.gcloud.table import NO_PROJECT, Names, Row, play

NOT_FOUND = "NOT_FOUND: Requested entity was not found. {authenticated}."
SUBMITTED = """
Creating temporary archive of <files> file(s) totalling <bytes> bytes before compression.
Uploading tarball of [{source}] to [gs://{project}_cloudbuild/<object>]
"""
STREAMED = (
    SUBMITTED
    + """
Created [https://cloudbuild.googleapis.com/v1/projects/{project}/locations/global/builds/<build>].
Logs are available at [ https://console.cloud.google.com/cloud-build/builds/… ].
Waiting for build to complete. Polling interval: 1 second(s).
"""
)
OUTPUT = f"{'-' * 29} REMOTE BUILD OUTPUT {'-' * 30}"
END = "-" * 80
TABLE = "ID CREATE_TIME DURATION SOURCE IMAGES STATUS"
CONFIG = """
steps:
- name: gcr.io/cloud-builders/docker
  id: build
  args: [build, --build-arg, 'WHO=${_WHO}', -t, 'gcr.io/$PROJECT_ID/app:${_VERSION}', .]
- name: gcr.io/cloud-builders/docker
  args: [tag, 'gcr.io/$PROJECT_ID/app:${_VERSION}', 'gcr.io/$PROJECT_ID/app:$BUILD_ID']
images: ['gcr.io/$PROJECT_ID/app:${_VERSION}', 'gcr.io/$PROJECT_ID/app:$BUILD_ID']
tags: ['version-$_VERSION', 'price-$$1']
substitutions: {_VERSION: v1, _WHO: nobody}
"""


@pytest.fixture
def build() -> cloudbuild_v1.CloudBuildClient:
    """The official client, which sees the same builds."""
    return cloudbuild_v1.CloudBuildClient()


def test_a_tag_is_built(
    gcloud: Gcloud, project: str, source: Path, build: cloudbuild_v1.CloudBuildClient
) -> None:
    """The wiki's line: a folder becomes a tgz, a build and an image."""
    (source / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY app.py /app.py\n")
    (source / "app.py").write_text("print('hello')\n")

    def got(names: Names) -> cloudbuild_v1.Build:
        return build.get_build(project_id=project, id=names["build"])

    def is_pushed(names: Names) -> bool:
        pushed = got(names).results.images[0]
        return bool(pushed.digest == names["digest"] == digest(f"gcr.io/{project}/app:latest"))

    rows = [
        Row(
            "builds submit --tag gcr.io/{project}/app {source}",
            f"""
            {OUTPUT}
            starting build "<build>"
            FETCHSOURCE
            Fetching storage object: gs://{{project}}_cloudbuild/…
            Copying gs://{{project}}_cloudbuild/…...
            Operation completed over 1 objects/… B.
            BUILD
            Already have image (with digest): gcr.io/cloud-builders/…
            Sending build context to Docker daemon …
            Step 1/2 : FROM python:3.12-slim
            …
            Successfully tagged gcr.io/{{project}}/app:latest
            PUSH
            Pushing gcr.io/{{project}}/app
            The push refers to repository [gcr.io/{{project}}/app]
            …
            latest: digest: <digest> size: …
            DONE
            {END}
            {TABLE}
            <build> … gs://{{project}}_cloudbuild/… gcr.io/{{project}}/app SUCCESS
            """,
            STREAMED,
            effect=is_pushed,
        ),
        Row(
            "builds list",
            f"""
            {TABLE}
            {{build}} … gs://{{project}}_cloudbuild/{{object}} gcr.io/{{project}}/app SUCCESS
            """,
        ),
        Row("builds list --filter='status=FAILURE AND images:gcr.io/x'", says="Listed 0 items."),
        Row(
            "builds list --region=nowhere",
            says="ERROR: (gcloud.builds.list) PERMISSION_DENIED: Permission denied on"
            " 'locations/nowhere' (or it may not exist). {authenticated}.",
            code=1,
        ),
        Row(
            "builds describe {build} --format='value(id,status,results.images[0].digest)'",
            "{build} SUCCESS {digest}",
        ),
        Row(
            "builds describe nothing",
            says=f"ERROR: (gcloud.builds.describe) {NOT_FOUND}",
            code=1,
        ),
        Row(
            "builds log {build}",
            f"""
            {OUTPUT}
            starting build "{{build}}"
            …
            DONE
            {END}
            """,
        ),
        Row("builds log nothing", says=f"ERROR: (gcloud.builds.log) {NOT_FOUND}", code=1),
        Row(
            "builds get-default-service-account",
            "<number>-compute@developer.gserviceaccount.com",
            effect=lambda names: f"projects/{names['number']}/" in got(names).name,
        ),
        Row(
            "builds get-default-service-account --project=nothing-here",
            says="""
            ERROR: (gcloud.builds.get-default-service-account) … Permission denied on resource project nothing-here. {authenticated}.
            """  # noqa: E501
            + NO_PROJECT,
            code=1,
        ),
    ]
    names = play(gcloud, rows, source=source)
    assert (names["files"], names["object"][:7]) == ("2", "source/")
    assert re.fullmatch(r"source/\d+\.\d+-[0-9a-f]{32}\.tgz", names["object"])
    bucket = storage.Client(project=project).bucket(f"{project}_cloudbuild")
    data = bucket.blob(names["object"]).download_as_bytes()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        members = [(member.name, member.uid) for member in tar if member.isfile()]
    assert sorted(members) == [("Dockerfile", 0), ("app.py", 0)]


def test_a_build_that_fails(
    gcloud: Gcloud, project: str, source: Path, build: cloudbuild_v1.CloudBuildClient
) -> None:
    """The exit code stops a script; the message says where to look."""
    step = 'build step 0 "gcr.io/cloud-builders/<builder>" failed: step exited with'
    submit = "builds submit --tag gcr.io/{project}/app {source}"
    rows = [
        Row(
            submit,
            says="ERROR: (gcloud.builds.submit) Invalid value for [source]: Dockerfile required"
            " when specifying --tag",
            code=1,
        )
    ]
    play(gcloud, rows, source=source)
    (source / "Dockerfile").write_text("FROM python:3.12-slim\nRUN false\n")

    def has_failed(names: Names) -> bool:
        found = build.get_build(project_id=project, id=names["build"])
        assert not digest(f"gcr.io/{project}/app:latest")
        return found.status == cloudbuild_v1.Build.Status.FAILURE

    rows = [
        Row(
            submit,
            f"""
            {OUTPUT}
            …
            The command '/bin/sh -c false' returned a non-zero code: 1
            ERROR
            ERROR: {step} non-zero status: 1
            {END}
            """,
            STREAMED
            + """
            BUILD FAILURE: Build step failure: build step 0 "gcr.io/cloud-builders/<builder>" failed: step exited with non-zero status: 1
            ERROR: (gcloud.builds.submit) build <build> completed with status "FAILURE"
            """,  # noqa: E501
            code=1,
            effect=has_failed,
        ),
        Row(
            "builds submit --tag docker.io/app {source}",
            says="ERROR: (gcloud.builds.submit) Invalid value for [--tag]: Tag value must be in the"
            " *gcr.io* or *pkg.dev* namespace.",
            code=1,
        ),
    ]
    play(gcloud, rows, source=source)


def test_a_config_with_substitutions(
    gcloud: Gcloud, project: str, source: Path, build: cloudbuild_v1.CloudBuildClient
) -> None:
    """Most teams have a cloudbuild.yaml; its names are filled in when a build begins."""
    (source / "Dockerfile").write_text("FROM python:3.12-slim\nARG WHO\nRUN echo I am $WHO\n")
    (source / "cloudbuild.yaml").write_text(CONFIG)
    app = f"gcr.io/{project}/app"

    def is_filled_in(names: Names) -> bool:
        found = build.get_build(project_id=project, id=names["build"])
        assert list(found.tags) == ["version-v2", "price-$1"]
        assert list(found.images) == [f"{app}:v2", f"{app}:{found.id}"]
        assert dict(found.substitutions) == {"_VERSION": "v2", "_WHO": "somebody"}
        return bool(digest(f"{app}:v2")) and digest(f"{app}:v2") == digest(f"{app}:{found.id}")

    submit = "builds submit --config {source}/cloudbuild.yaml {source} --substitutions"
    invalid = "ERROR: (gcloud.builds.submit) INVALID_ARGUMENT:"
    rows = [
        Row(
            f"{submit} _VERSION=v2,_WHO=somebody",
            f"""
            {OUTPUT}
            …
            Starting Step #0 - "build"
            …
            Step #0 - "build": I am somebody
            …
            Finished Step #0 - "build"
            Starting Step #1
            Step #1: Already have image (with digest): gcr.io/cloud-builders/docker
            Finished Step #1
            PUSH
            …
            DONE
            {END}
            {TABLE}
            <build> … gs://{{project}}_cloudbuild/… gcr.io/{{project}}/app:v2 (+1 more) SUCCESS
            """,
            STREAMED,
            effect=is_filled_in,
        ),
        Row(
            f"{submit} _OTHER=1",
            says=SUBMITTED.replace("<", "<other_")
            + f'{invalid} key "_OTHER" in the substitution data is not matched in the template',
            code=1,
        ),
        Row(
            "builds submit --config {source}/nothing.yaml {source}",
            says="ERROR: (gcloud.builds.submit) Unable to read file [{source}/nothing.yaml]:"
            " [Errno 2] No such file or directory: '{source}/nothing.yaml'",
            code=1,
        ),
    ]
    play(gcloud, rows, source=source)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("$NAME", "invalid value for 'build.substitutions': key in the template \"NAME\" is not a"
         " valid built-in substitution"),
        ("$_NAME", 'key in the template "_NAME" is not matched in the substitution data'),
    ],
)  # fmt: skip
def test_a_name_that_nothing_stands_for(
    gcloud: Gcloud, source: Path, written: str, message: str
) -> None:
    """A typo is found before the build, not pushed under a strange name."""
    (source / "Dockerfile").write_text("FROM scratch\n")
    (source / "cloudbuild.yaml").write_text(CONFIG.replace("${_VERSION}", written))
    refusal = gcloud.refused("builds", "submit", "--config=cloudbuild.yaml", ".", cwd=source)
    assert f"ERROR: (gcloud.builds.submit) INVALID_ARGUMENT: {message}" in refusal


def test_a_build_is_cancelled(
    gcloud: Gcloud, project: str, source: Path, build: cloudbuild_v1.CloudBuildClient
) -> None:
    """A build that was started by mistake must not block anything for an hour."""
    (source / "Dockerfile").write_text("FROM python:3.12-slim\nRUN sleep 300\n")

    def was_cancelled(names: Names) -> bool:
        found = build.get_build(project_id=project, id=names["build"])
        return found.status == cloudbuild_v1.Build.Status.CANCELLED

    rows = [
        Row(
            "builds submit --tag gcr.io/{project}/app {source} --async",
            f"""
            {TABLE}
            <build> … QUEUED
            """,
            STREAMED.partition("Waiting")[0],
        ),
        Row(
            "builds list --ongoing",
            f"""
            {TABLE}
            {{build}} … WORKING
            """,
        ),
        Row(
            "builds cancel {build}",
            "…",
            "Cancelled [https://cloudbuild.googleapis.com/v1/projects/{project}/locations/global/"
            "builds/{build}].",
            effect=was_cancelled,
        ),
        Row(
            "builds cancel {build}",
            says="ERROR: (gcloud.builds.cancel) FAILED_PRECONDITION: Build {build} has ended and"
            " cannot be cancelled.",
            code=1,
        ),
        Row("builds list --ongoing", says="Listed 0 items."),
    ]
    play(gcloud, rows, source=source)


def test_the_log_is_streamed_in_ranges(gcloud: Gcloud, project: str, source: Path) -> None:
    """Text appears while the build runs, and none of it is fetched twice."""
    dockerfile = "FROM python:3.12-slim\nRUN echo first; sleep 3; echo second\n"
    (source / "Dockerfile").write_text(dockerfile)
    app = f"gcr.io/{project}/app"
    done = gcloud.ok("builds", "submit", "--tag", app, str(source), "--log-http")
    asked = re.findall(
        r"log-[0-9a-f-]+\.txt\n.*?'Range': b'bytes=(\d+)-'.*?^status: (\d+)", done.stderr,
        re.DOTALL | re.MULTILINE,
    )  # fmt: skip
    starts = [int(start) for start, status in asked if status == "206"]
    assert len(starts) > 1 and starts[0] == 0 and starts == sorted(set(starts))
    (bucket,) = set(re.findall(r"https://storage\.googleapis\.com/([^/\s]+)/log-", done.stderr))
    (blob,) = storage.Client(project=project).list_blobs(bucket)
    assert blob.download_as_text() in done.stdout
